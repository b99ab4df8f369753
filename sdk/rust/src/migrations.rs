//! Migrations from the `.sql` files of a folder.

use include_dir::Dir;

pub use crate::bindings::migrations::exports::berth::migrations::migrations::Migration;

/// The marker in the name of a file after whose migration older versions cannot work.
const INCOMPATIBLE: &str = ".incompatible";

/// The migrations of a component, from the `.sql` files of its folder `migrations` at compile time: a
/// `Vec<`[`Migration`]`>`. The name of a file says the rest:
///
/// - `1_create_notes.sql` is version 1, called `create notes`;
/// - `2_drop_tags.incompatible.sql` is version 2, called `drop tags`. Older versions of the component, which do not know
///   the migration, cannot work after it: the host refuses to bring one of them back.
///
/// A file must not change after it has run anywhere: the host compares checksums. Write another file instead.
///
/// ```
/// use berth_sdk::Migration;
///
/// fn migrations() -> Vec<Migration> {
///     berth_sdk::migrations!("$CARGO_MANIFEST_DIR/tests/migrations")
/// }
///
/// let migrations = migrations();
/// assert_eq!((migrations[0].version, &*migrations[0].name), (1, "create notes"));
/// assert!(migrations[0].compatible && !migrations[1].compatible);
/// ```
///
/// Cargo does not look for new files by itself. A `build.rs` of one line makes it do so:
///
/// ```text
/// fn main() {
///     println!("cargo::rerun-if-changed=migrations");
/// }
/// ```
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::migrations!("$CARGO_MANIFEST_DIR/migrations")
    };
    ($folder:tt) => {{
        use $crate::include_dir;
        static FOLDER: $crate::include_dir::Dir<'static> = $crate::include_dir::include_dir!($folder);
        $crate::migrations_of(&FOLDER)
    }};
}

/// The migrations of an embedded folder. [`migrations!`](crate::migrations!) calls this function.
///
/// # Panics
///
/// Panics if the name of a `.sql` file is not that of a migration, so that the host refuses the component.
#[must_use]
pub fn migrations_of(folder: &Dir<'static>) -> Vec<Migration> {
    let files = folder.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?;
        Some((name.strip_suffix(".sql")?, file.contents_utf8()?))
    });
    files.map(|(name, sql)| migration(name, sql)).collect()
}

#[expect(
    clippy::panic,
    reason = "a file with a wrong name is a bug of the component, found by its first test"
)]
fn migration(name: &str, sql: &str) -> Migration {
    read_name(name).map_or_else(
        || panic!("migrations/{name}.sql is no migration: call it 1_create_notes.sql"),
        |(version, name, compatible)| Migration {
            version,
            name,
            sql: sql.to_owned(),
            compatible,
        },
    )
}

/// Version, name and compatibility, from the name of a file.
fn read_name(file: &str) -> Option<(u32, String, bool)> {
    let (file, compatible) = match file.strip_suffix(INCOMPATIBLE) {
        Some(file) => (file, false),
        None => (file, true),
    };
    let (version, name) = file.split_once('_')?;
    let version = version.parse().ok().filter(|version| *version > 0)?;
    (!name.is_empty()).then(|| (version, name.replace('_', " "), compatible))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_version_name_and_compatibility() {
        let name = |version, name: &str, compatible| Some((version, name.to_owned(), compatible));
        assert_eq!(read_name("1_create_notes"), name(1, "create notes", true));
        assert_eq!(
            read_name("0012_drop_tags.incompatible"),
            name(12, "drop tags", false)
        );
        for wrong in [
            "",
            "create_notes",
            "0_nothing",
            "-1_less",
            "1",
            "1_",
            "1_.incompatible",
        ] {
            assert_eq!(read_name(wrong), None, "{wrong}");
        }
    }
}
