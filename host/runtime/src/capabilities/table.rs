//! The macro that makes Rust of the table of capabilities.

use super::Capability;

/// A row of the table.
pub(super) struct Row {
    pub(super) capability: Capability,
    pub(super) word: &'static str,
    pub(super) interfaces: &'static [&'static str],
}

/// Makes `Capability`, `ROWS`, `Contexts` and `Capability::add_to_linker` of the rows, which are in the alphabetical
/// order of their words.
macro_rules! capabilities {
    ($(
        $(#[$doc:meta])*
        $capability:ident {
            word: $word:literal,
            interfaces: [$($interface:literal),+],
            folder: $folder:ident,
        }
    )+) => {
        /// One grant, named as in the manifest, the WIT package and the source folder.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Capability {
            $($(#[$doc])* $capability,)+
        }

        /// The rows, in the order of the variants of [`Capability`].
        const ROWS: &[Row] = &[$(Row {
            capability: Capability::$capability,
            word: $word,
            interfaces: &[$($interface),+],
        }),+];

        /// The contexts of one request. They are cheap to make, whether or not the component has the grants.
        pub(crate) struct Contexts {
            $(pub(crate) $folder: $folder::Context,)+
        }

        impl Contexts {
            pub(crate) fn new(scope: &Scope<'_>) -> Self {
                Self {
                    $($folder: $folder::Context::new(scope),)+
                }
            }
        }

        impl Capability {
            /// Links the host functions.
            pub(crate) fn add_to_linker<T: CapabilitiesView>(self, linker: &mut Linker<T>) -> wasmtime::Result<()> {
                match self {
                    $(Self::$capability => $folder::add_to_linker(linker, |store: &mut T| {
                        let (contexts, table) = store.capabilities();
                        contexts.$folder.view(table)
                    }),)+
                }
            }
        }
    };
}

pub(super) use capabilities;
