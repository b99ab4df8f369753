//! `wasi:logging/logging`: a component's lines in the host's log.

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, ResourceTable};

use self::bindings::wasi::logging::logging::{self, Level};
use super::Scope;
use crate::request::RequestContext;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/logging",
        inline: "package berth:host; world logging { import wasi:logging/logging@0.1.0-draft; }",
        world: "berth:host/logging",
    });
}

/// The request that the lines belong to.
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

impl logging::Host for View<'_> {
    fn log(&mut self, level: Level, context: String, message: String) {
        self.0.component_line(level.into(), &context, &message);
    }
}

/// tracing has no level above `ERROR`.
impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error | Level::Critical => Self::ERROR,
        }
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    logging::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}
