//! Why a component cannot be linked.

use crate::capabilities::Capability;

/// The interface that every component must export.
pub(super) const HANDLER: &str = "wasi:http/incoming-handler@0.2";

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The import belongs to a capability that the component is not granted.
    #[error(
        "it imports `{import}`, which is not granted; add \"{capability}\" to `capabilities` in \
         [components.{component}] of the manifest, if it may have it"
    )]
    NotGranted {
        /// The interface.
        import: String,
        /// The capability of the interface.
        capability: Capability,
        /// The component's name.
        component: String,
    },
    /// The host does not have the interface, or has another version.
    #[error("it imports `{import}`, which this host does not provide{hint}")]
    Unknown {
        /// The interface.
        import: String,
        /// The nearest alternative, as text.
        hint: String,
    },
    /// The interface is not the host's, and the manifest assigns it to no component.
    #[error(
        "it imports `{import}`, which is not the host's to give; if another component may answer it, name that one in \
         [components.{component}] of the manifest: imports = {{ \"{interface}\" = \"…\" }}"
    )]
    Unassigned {
        /// The interface.
        import: String,
        /// The interface without its version, as the manifest names it.
        interface: String,
        /// The component's name.
        component: String,
    },
    /// The interface is not the host's, and no component can serve it.
    #[error(
        "it imports `{import}`, which this host does not provide, and which no other component can answer: it has \
         resources, and only values can cross from one component to another; build it without this import, with what the \
         host has: {}",
        Capability::offered()
    )]
    ForeignResources {
        /// The interface.
        import: String,
    },
    /// Several imports are refused.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; also, "))]
    Several(Vec<LinkError>),
    /// The interface of another component has types that cannot be copied between components.
    #[error(
        "it imports `{import}`, but that {what}, and only values can cross from one component to another, no \
         resources, streams or futures; pass an identifier or a list instead"
    )]
    CannotCross {
        /// The interface.
        import: String,
        /// The type in question, as text.
        what: String,
    },
    /// The component does not export the handler.
    #[error("it does not export `{HANDLER}`, so it cannot answer requests")]
    NoHandler,
    /// The component's handler has other types than the interface.
    #[error("its `{HANDLER}` is not what `wasi:http` says: {0:#}")]
    OtherHandler(wasmtime::Error),
    /// The interface is known, but a function or a type differs.
    #[error("its imports do not fit what the host provides: {0:#}")]
    Mismatch(wasmtime::Error),
}
