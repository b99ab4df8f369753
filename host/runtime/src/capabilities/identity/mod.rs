//! `berth:identity/caller`: the request's principal, as the host has verified it.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};

use self::bindings::berth::identity::caller;
use super::Scope;
use crate::request::RequestContext;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/identity",
        inline: "package berth:host; world identity { import berth:identity/caller@0.1.0; }",
        world: "berth:host/identity",
    });
}

/// The request whose principal a guest sees.
pub(crate) struct Context(Arc<RequestContext>);

impl Context {
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self(Arc::clone(scope.request))
    }

    /// The receiver of the host functions.
    pub(crate) fn view(&mut self, _: &mut ResourceTable) -> View<'_> {
        View(&self.0)
    }
}

/// See [`Context::view`].
pub(crate) struct View<'a>(&'a RequestContext);

impl caller::Host for View<'_> {
    fn current(&mut self) -> Option<caller::Principal> {
        let principal = self.0.principal.clone()?;
        Some(caller::Principal {
            subject: principal.subject,
            email: principal.email,
            name: principal.name,
            anonymous: principal.anonymous,
        })
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    caller::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}
