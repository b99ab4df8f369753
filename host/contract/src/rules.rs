//! The rules for reading fields, with pydantic 2's names, sentences and leniency (its "lax" mode).

use serde_json::Value;

use crate::violations::{Segment, Violations};

/// A rule for the value of a field.
///
/// ```
/// use berth_contract::{Fields, Rule, Text, Violations};
/// use serde_json::Value;
///
/// /// A word of small letters.
/// struct Slug;
///
/// impl Rule for Slug {
///     type Output = String;
///
///     fn check(&self, input: &Value) -> Result<String, Violations> {
///         let text = Text::of(1, 50).check(input)?;
///         if text.bytes().all(|byte| byte.is_ascii_lowercase()) {
///             return Ok(text);
///         }
///         Err(Violations::one("value_error", "Value error, only small letters", input.clone()))
///     }
/// }
///
/// let mut fields = Fields::json(br#"{"slug": "Hi"}"#)?;
/// fields.required("slug", &Slug);
/// assert!(fields.finish(()).is_err());
/// # Ok::<(), Violations>(())
/// ```
pub trait Rule {
    /// The type of a value that passes the rule.
    type Output;

    /// Reads `input`, or returns its violations, with locations that begin at the field.
    fn check(&self, input: &Value) -> Result<Self::Output, Violations>;

    /// The JSON Schema of values that pass the rule. Any value, unless the rule says otherwise.
    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        Value::Object(serde_json::Map::new())
    }
}

/// A string whose length is bounded, in characters (Unicode scalar values).
///
/// A NUL character is refused, because PostgreSQL's text cannot hold one.
///
/// ```
/// # use berth_contract::{Rule, Text};
/// # use serde_json::json;
/// assert_eq!(Text::of(1, 5).trimmed().check(&json!(" Hi "))?, "Hi");
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Text {
    min: usize,
    max: usize,
    trim: bool,
}

impl Text {
    /// Of any length.
    pub const ANY: Self = Self::of(0, usize::MAX);

    /// From `min` to `max` characters.
    ///
    /// ```
    /// # use berth_contract::{Rule, Text};
    /// # use serde_json::json;
    /// assert!(Text::of(1, 5).check(&json!("")).is_err());
    /// ```
    #[must_use]
    pub const fn of(min: usize, max: usize) -> Self {
        Self {
            min,
            max,
            trim: false,
        }
    }

    /// Removes white space at both ends before the characters are counted.
    ///
    /// ```
    /// # use berth_contract::{Rule, Text};
    /// # use serde_json::json;
    /// assert!(Text::of(1, 5).trimmed().check(&json!("  ")).is_err());
    /// ```
    #[must_use]
    pub const fn trimmed(self) -> Self {
        Self { trim: true, ..self }
    }
}

impl Rule for Text {
    type Output = String;

    fn check(&self, input: &Value) -> Result<String, Violations> {
        let refuse = |kind, message: String| Err(Violations::one(kind, message, input.clone()));
        let Value::String(text) = input else {
            return refuse("string_type", "Input should be a valid string".to_owned());
        };
        let text = if self.trim { text.trim() } else { text };
        let length = text.chars().count();
        if length < self.min {
            let message = format!("String should have at least {}", characters(self.min));
            return refuse("string_too_short", message);
        }
        if length > self.max {
            return refuse(
                "string_too_long",
                format!("String should have at most {}", characters(self.max)),
            );
        }
        if text.contains('\0') {
            return refuse(
                "value_error",
                "Value error, a string cannot hold NUL characters".to_owned(),
            );
        }
        Ok(text.to_owned())
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schema::text(self)
    }
}

fn characters(count: usize) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

/// A boolean: `true` and `false`, 1 and 0, or one of the words that pydantic accepts.
///
/// ```
/// # use berth_contract::{Rule, Boolean};
/// # use serde_json::json;
/// assert!(Boolean.check(&json!("yes"))?);
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Boolean;

impl Boolean {
    const TRUE: [&str; 6] = ["1", "on", "t", "true", "y", "yes"];
    const FALSE: [&str; 6] = ["0", "off", "f", "false", "n", "no"];
}

impl Rule for Boolean {
    type Output = bool;

    fn check(&self, input: &Value) -> Result<bool, Violations> {
        let is = |words: [&str; 6], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        let read = match input {
            Value::Bool(value) => Some(*value),
            Value::Number(number) => match number.as_f64() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                Some(other) if other.fract() == 0.0 => None,
                _ => {
                    return Err(Self::refuse(
                        "bool_type",
                        "Input should be a valid boolean",
                        input,
                    ));
                }
            },
            Value::String(text) if is(Self::TRUE, text) => Some(true),
            Value::String(text) if is(Self::FALSE, text) => Some(false),
            Value::String(_) => None,
            _ => {
                return Err(Self::refuse(
                    "bool_type",
                    "Input should be a valid boolean",
                    input,
                ));
            }
        };
        let message = "Input should be a valid boolean, unable to interpret input";
        read.ok_or_else(|| Self::refuse("bool_parsing", message, input))
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schema::boolean()
    }
}

impl Boolean {
    fn refuse(kind: &'static str, message: &'static str, input: &Value) -> Violations {
        Violations::one(kind, message, input.clone())
    }
}

/// An integer within bounds. A string of digits and a float without a fraction are read as integers, as pydantic does.
///
/// ```
/// # use berth_contract::{Rule, Integer};
/// # use serde_json::json;
/// assert_eq!(Integer::ANY.check(&json!("7"))?, 7);
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Integer {
    min: i64,
    max: i64,
}

impl Integer {
    /// Every integer of 64 bits.
    pub const ANY: Self = Self {
        min: i64::MIN,
        max: i64::MAX,
    };

    /// From `min` to `max`, both included.
    ///
    /// ```
    /// # use berth_contract::{Rule, Integer};
    /// # use serde_json::json;
    /// assert!(Integer::between(1, 5).check(&json!(6)).is_err());
    /// ```
    #[must_use]
    pub const fn between(min: i64, max: i64) -> Self {
        Self { min, max }
    }

    /// `min` or more.
    ///
    /// ```
    /// # use berth_contract::{Rule, Integer};
    /// # use serde_json::json;
    /// assert!(Integer::at_least(0).check(&json!(-1)).is_err());
    /// ```
    #[must_use]
    pub const fn at_least(min: i64) -> Self {
        Self { min, ..Self::ANY }
    }

    fn read(input: &Value) -> Result<i64, (&'static str, &'static str)> {
        const TYPE: (&str, &str) = ("int_type", "Input should be a valid integer");
        match input {
            Value::Bool(value) => Ok(i64::from(*value)),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Ok(integer),
                (None, Some(float)) => Self::read_float(float),
                (None, None) => Err(TYPE),
            },
            Value::String(text) => Self::read_text(text),
            _ => Err(TYPE),
        }
    }

    fn read_float(float: f64) -> Result<i64, (&'static str, &'static str)> {
        if float.fract() != 0.0 {
            return Err((
                "int_from_float",
                "Input should be a valid integer, got a number with a fractional part",
            ));
        }
        // 2^63 is the least value that does not fit.
        if float.abs() >= 9_223_372_036_854_775_808.0 {
            return Err(Self::TOO_LARGE);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole, and has just been found to fit"
        )]
        Ok(float as i64)
    }

    /// Reads the texts that Python's `int()` accepts, and zeroes after a decimal point.
    fn read_text(text: &str) -> Result<i64, (&'static str, &'static str)> {
        let trimmed = text.trim();
        let whole = match trimmed.split_once('.') {
            Some((whole, zeroes)) if !zeroes.is_empty() && zeroes.bytes().all(|byte| byte == b'0') => whole,
            _ => trimmed,
        };
        let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let grouped = unsigned.split('_').all(|group| {
            let digits = group.bytes().all(|byte| byte.is_ascii_digit());
            digits && !group.is_empty()
        });
        if !grouped {
            let message = "Input should be a valid integer, unable to parse string as an integer";
            return Err(("int_parsing", message));
        }
        whole.replace('_', "").parse().map_err(|_| Self::TOO_LARGE)
    }

    const TOO_LARGE: (&'static str, &'static str) = (
        "int_parsing_size",
        "Unable to parse input string as an integer, exceeded maximum size",
    );
}

impl Rule for Integer {
    type Output = i64;

    fn check(&self, input: &Value) -> Result<i64, Violations> {
        let integer =
            Self::read(input).map_err(|(kind, message)| Violations::one(kind, message, input.clone()))?;
        if integer < self.min {
            let message = format!("Input should be greater than or equal to {}", self.min);
            return Err(Violations::one("greater_than_equal", message, input.clone()));
        }
        if integer > self.max {
            let message = format!("Input should be less than or equal to {}", self.max);
            return Err(Violations::one("less_than_equal", message, input.clone()));
        }
        Ok(integer)
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schema::integer(*self)
    }
}

/// One of several words, each with its value.
///
/// ```
/// # use berth_contract::{Rule, Choice};
/// # use serde_json::json;
/// let order = Choice(&[("asc", true), ("desc", false)]);
/// assert!(order.check(&json!("asc"))?);
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a, T>(pub &'a [(&'static str, T)]);

impl<T: Copy> Rule for Choice<'_, T> {
    type Output = T;

    fn check(&self, input: &Value) -> Result<T, Violations> {
        let chosen = self.0.iter().find(|(word, _)| input.as_str() == Some(word));
        chosen.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<String> = self.0.iter().map(|(word, _)| format!("'{word}'")).collect();
            Violations::one(
                "enum",
                format!("Input should be {}", alternatives(&words)),
                input.clone(),
            )
        })
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schema::choice(self)
    }
}

/// `'a', 'b' or 'c'`
fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A list of at most `max` strings. Each must pass the rule of the elements.
///
/// ```
/// # use berth_contract::{Rule, Text, TextList};
/// # use serde_json::json;
/// assert_eq!(TextList::of(Text::of(1, 50), 20).check(&json!(["home"]))?, ["home"]);
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TextList {
    element: Text,
    max: usize,
}

impl TextList {
    /// At most `max` strings that pass `element`.
    ///
    /// ```
    /// # use berth_contract::{Rule, Text, TextList};
    /// # use serde_json::json;
    /// assert!(TextList::of(Text::ANY, 1).check(&json!(["a", "b"])).is_err());
    /// ```
    #[must_use]
    pub const fn of(element: Text, max: usize) -> Self {
        Self { element, max }
    }
}

impl Rule for TextList {
    type Output = Vec<String>;

    fn check(&self, input: &Value) -> Result<Vec<String>, Violations> {
        let Value::Array(elements) = input else {
            return Err(Violations::one(
                "list_type",
                "Input should be a valid list",
                input.clone(),
            ));
        };
        if elements.len() > self.max {
            let plural = if self.max == 1 { "" } else { "s" };
            let message = format!(
                "List should have at most {} item{plural} after validation, not {}",
                self.max,
                elements.len()
            );
            return Err(Violations::one("too_long", message, input.clone()));
        }
        let mut violations = Violations::none();
        let mut texts = Vec::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            match self.element.check(element) {
                Ok(text) => texts.push(text),
                Err(found) => violations.extend(found.under(&Segment::Position(index))),
            }
        }
        if violations.is_empty() {
            Ok(texts)
        } else {
            Err(violations)
        }
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        schema::text_list(self)
    }
}

#[cfg(feature = "openapi")]
pub(crate) mod schema;
#[cfg(test)]
mod tests;
