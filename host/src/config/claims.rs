//! The check that no two components or directories of files claim the same path.

use berth_runtime::RoutePattern;

/// The claimed patterns and their owners.
#[derive(Default)]
pub(super) struct Claims<'a> {
    routes: matchit::Router<(String, &'a RoutePattern)>,
}

impl<'a> Claims<'a> {
    /// Claims `pattern` for `owner`, or returns an error that names the owner of a conflicting pattern.
    pub(super) fn claim(&mut self, owner: &str, pattern: &'a RoutePattern) -> Result<(), String> {
        pattern
            .paths()
            .try_for_each(|path| self.insert(owner, pattern, path))
    }

    fn insert(&mut self, claimant: &str, pattern: &'a RoutePattern, path: &str) -> Result<(), String> {
        let Err(error) = self.routes.insert(path, (claimant.to_owned(), pattern)) else {
            return Ok(());
        };
        let first = match error {
            matchit::InsertError::Conflict { with } => self.routes.at(&with).ok().map(|found| found.value),
            other => return Err(format!("{pattern} cannot be used: {other}")),
        };
        let Some((owner, taken)) = first else {
            return Err(format!(
                "{pattern} clashes with another route: change one of the two"
            ));
        };
        if owner == claimant {
            Err(format!("{pattern} duplicates {taken}: remove one"))
        } else {
            Err(format!(
                "{pattern} of {claimant:?} clashes with {taken} of {owner:?}: change one of the two"
            ))
        }
    }
}
