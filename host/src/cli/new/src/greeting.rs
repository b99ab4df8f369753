//! What is said, and to whom.

/// The greeting of a caller, who may be unknown.
pub fn greet(name: Option<&str>) -> String {
    format!("Hello, {}!\n", name.unwrap_or("stranger"))
}

#[cfg(test)]
mod tests {
    use super::greet;

    #[test]
    fn a_caller_is_greeted_by_name() {
        assert_eq!(greet(Some("Ann")), "Hello, Ann!\n");
    }

    #[test]
    fn who_is_unknown_is_greeted_too() {
        assert_eq!(greet(None), "Hello, stranger!\n");
    }
}
