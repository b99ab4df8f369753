//! The check that no two components claim the same path.

use berth_runtime::RoutePattern;

/// The claimed patterns and their components.
#[derive(Default)]
pub(super) struct Claims<'a> {
    routes: matchit::Router<(&'a str, &'a RoutePattern)>,
}

impl<'a> Claims<'a> {
    /// Claims `pattern` for `component`, or returns an error that names the component with a conflicting pattern.
    pub(super) fn claim(&mut self, component: &'a str, pattern: &'a RoutePattern) -> Result<(), String> {
        pattern
            .paths()
            .try_for_each(|path| self.insert(component, pattern, path))
    }

    fn insert(&mut self, component: &'a str, pattern: &'a RoutePattern, path: &str) -> Result<(), String> {
        let Err(error) = self.routes.insert(path, (component, pattern)) else {
            return Ok(());
        };
        let first = match error {
            matchit::InsertError::Conflict { with } => self.routes.at(&with).ok().map(|found| *found.value),
            other => return Err(format!("{pattern} cannot be used: {other}")),
        };
        let Some((owner, taken)) = first else {
            return Err(format!(
                "{pattern} clashes with another route: change one of the two"
            ));
        };
        if owner == component {
            Err(format!("{pattern} duplicates {taken}: remove one"))
        } else {
            Err(format!(
                "{pattern} of {component:?} clashes with {taken} of {owner:?}: change one of the two"
            ))
        }
    }
}
