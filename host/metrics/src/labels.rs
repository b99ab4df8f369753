//! Labels with a fixed set of values, and a counter for each value.

use std::marker::PhantomData;

use crate::counter::Counter;

/// A label with a fixed set of values. [`labels!`](crate::labels) implements it.
pub trait Label: Copy + 'static {
    /// All values, in the order of their declaration.
    const ALL: &'static [Self];

    /// The value as text.
    fn as_str(self) -> &'static str;

    /// The position among [`ALL`](Self::ALL).
    fn index(self) -> usize;
}

/// Declares an enum that is a [`Label`]: each variant with its text.
#[macro_export]
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $crate::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct Counters<L> {
    counters: Box<[Counter]>,
    label: PhantomData<fn(L)>,
}

impl<L: Label> Counters<L> {
    /// Adds one for `value`.
    pub fn increment(&self, value: L) {
        if let Some(counter) = self.counters.get(value.index()) {
            counter.increment();
        }
    }

    /// The number for `value`.
    #[must_use]
    pub fn get(&self, value: L) -> u64 {
        self.counters.get(value.index()).map_or(0, Counter::get)
    }

    /// All values with their numbers.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        L::ALL.iter().map(|value| (value.as_str(), self.get(*value)))
    }
}

impl<L: Label> Default for Counters<L> {
    fn default() -> Self {
        Self {
            counters: L::ALL.iter().map(|_| Counter::default()).collect(),
            label: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro declares public labels")]

    use super::*;

    labels! {
        /// A colour.
        Colour {
            /// Red.
            Red = "red",
            /// Blue.
            Blue = "blue",
        }
    }

    #[test]
    fn each_value_has_a_counter() {
        let counters = Counters::default();
        counters.increment(Colour::Blue);
        counters.increment(Colour::Blue);
        assert_eq!(counters.get(Colour::Red), 0);
        assert_eq!(counters.all().collect::<Vec<_>>(), [("red", 0), ("blue", 2)]);
    }
}
