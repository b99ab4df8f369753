//! The text of the greeting.

/// Greets a caller, by name if the name is known.
pub fn greet(name: Option<&str>) -> String {
    format!("Hello, {}!\n", name.unwrap_or("stranger"))
}

#[cfg(test)]
mod tests {
    use super::greet;

    #[test]
    fn a_caller_is_greeted_by_name() {
        assert_eq!(greet(Some("Ann")), "Hello, Ann!\n");
        assert_eq!(greet(None), "Hello, stranger!\n");
    }
}
