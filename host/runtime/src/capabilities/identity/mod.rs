//! `berth:identity/caller`: the request's principal, as the host has verified it.

use wasmtime::component::{HasSelf, Linker};

use self::bindings::berth::identity::caller;
use crate::run::state::State;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/identity",
        inline: "package berth:host; world identity { import berth:identity/caller@0.1.0; }",
        world: "berth:host/identity",
    });
}

/// Links the capability.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    caller::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl caller::Host for State {
    fn current(&mut self) -> Option<caller::Principal> {
        let principal = self.request.principal.clone()?;
        Some(caller::Principal {
            subject: principal.subject,
            email: principal.email,
            name: principal.name,
            anonymous: principal.anonymous,
        })
    }
}
