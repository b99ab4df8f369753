//! Values on their way to the server.

use std::convert::Infallible;

/// The parameters of a statement in binary format, as a message carries them.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    count: u16,
    bytes: Vec<u8>,
}

/// The length that stands for NULL.
const NULL: i32 = -1;

impl Parameters {
    /// Adds NULL.
    pub fn push_null(&mut self) {
        self.bytes.extend_from_slice(&NULL.to_be_bytes());
        self.count = self.count.saturating_add(1);
    }

    /// Adds the value that `write` appends.
    ///
    /// # Errors
    ///
    /// The error of `write`. A value of 2 GiB or more gets a length that PostgreSQL refuses.
    pub fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.push_null();
        let start = self.bytes.len();
        write(&mut self.bytes)?;
        let length = i32::try_from(self.bytes.len() - start).unwrap_or(i32::MAX);
        self.bytes[start - 4..start].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Adds a value whose binary format are the bytes themselves.
    pub fn push_bytes(&mut self, value: &[u8]) {
        let result: Result<(), Infallible> = self.push(|out| {
            out.extend_from_slice(value);
            Ok(())
        });
        let Ok(()) = result;
    }

    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_length_before_it() {
        let mut parameters = Parameters::default();
        parameters.push_null();
        let written: Result<(), Infallible> = parameters.push(|out| {
            out.extend_from_slice(b"ab");
            Ok(())
        });
        assert_eq!(written, Ok(()));
        assert_eq!(parameters.count(), 2);
        assert_eq!(
            parameters.bytes(),
            [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, b'a', b'b']
        );
    }
}
