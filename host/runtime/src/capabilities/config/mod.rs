//! `wasi:config/store`: the `config` table of the manifest, and nothing of the host's environment.

use wasmtime::component::{HasData, Linker, ResourceTable};

use self::bindings::wasi::config::store::{self, Error};
use super::Scope;
use crate::settings::Settings;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/config",
        inline: "package berth:host; world config { import wasi:config/store@0.2.0-rc.1; }",
        world: "berth:host/config",
    });
}

/// The component's `config` table.
pub(crate) struct Context(Settings);

impl Context {
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self(scope.config.clone())
    }

    /// The receiver of the host functions.
    pub(crate) fn view(&mut self, _: &mut ResourceTable) -> View<'_> {
        View(&self.0)
    }
}

/// See [`Context::view`].
pub(crate) struct View<'a>(&'a Settings);

impl store::Host for View<'_> {
    fn get(&mut self, key: String) -> Result<Option<String>, Error> {
        Ok(self.0.get(&key).map(str::to_owned))
    }

    fn get_all(&mut self) -> Result<Vec<(String, String)>, Error> {
        let all = self.0.entries();
        Ok(all
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect())
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    store::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}
