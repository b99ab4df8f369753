//! `numeric` in decimal notation.
//!
//! Its binary format is four numbers of 16 bits (how many digits follow, the weight of the first, the sign,
//! and how many decimal digits are shown after the point), then the digits, to base 10,000. Read by hand
//! rather than into a `BigDecimal`, because that forgets the trailing zeros which PostgreSQL shows: its
//! `12.50` would become `12.5000`.

use super::wire::ValueError;

const NEGATIVE: u16 = 0x4000;
const NOT_FINITE: u16 = 0xC000;

/// Decimal digits in one digit to base 10,000.
const GROUP: usize = 4;

/// The most decimal digits after the point that PostgreSQL stores.
const SCALE_MAX: usize = 16_383;

/// Appends the decimal notation of a `numeric` in binary format.
pub(crate) fn write(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (header, digits) = bytes.split_first_chunk::<8>().ok_or(ValueError::Malformed)?;
    let &[_, _, weight @ .., s0, s1, d0, d1] = header;
    let sign = u16::from_be_bytes([s0, s1]);
    let scale = usize::from(u16::from_be_bytes([d0, d1]));
    // NaN and the infinities have further bits set than those of NOT_FINITE, or none.
    if sign & NOT_FINITE == NOT_FINITE {
        return Err(ValueError::NotFinite);
    }
    if sign == NEGATIVE {
        out.push(b'-');
    }
    let weight = i32::from(i16::from_be_bytes(weight));
    write_integer(digits, weight, out);
    if scale > 0 {
        out.push(b'.');
        write_fraction(digits, weight, scale, out);
    }
    Ok(())
}

/// The digits of weight 0 and above, without leading zeros.
fn write_integer(digits: &[u8], weight: i32, out: &mut Vec<u8>) {
    let start = out.len();
    for position in 0..=weight {
        let group = group(digits, position);
        if out.len() > start {
            out.extend_from_slice(&group);
        } else if let Some(first) = group.iter().position(|&digit| digit != b'0') {
            out.extend_from_slice(&group[first..]);
        }
    }
    if out.len() == start {
        out.push(b'0');
    }
}

/// Exactly `scale` digits after the point.
fn write_fraction(digits: &[u8], weight: i32, scale: usize, out: &mut Vec<u8>) {
    let end = out.len() + scale;
    let mut position = weight + 1;
    while out.len() < end {
        out.extend_from_slice(&group(digits, position));
        position += 1;
    }
    out.truncate(end);
}

/// The decimal digits of the digit to base 10,000 at a position; those that are not there are zero.
fn group(digits: &[u8], position: i32) -> [u8; GROUP] {
    let value = usize::try_from(position)
        .ok()
        .and_then(|position| digits.get(position * 2..)?.first_chunk())
        .map_or(0, |bytes| u16::from_be_bytes(*bytes));
    [value / 1000, value / 100, value / 10, value].map(|digit| b'0' + (digit % 10) as u8)
}

/// Appends the binary format of a number in decimal notation: a sign or none, digits, and perhaps a point
/// among them.
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (NEGATIVE, magnitude.as_bytes()),
        None => (0, text.strip_prefix('+').unwrap_or(text).as_bytes()),
    };
    let point = magnitude
        .iter()
        .position(|&byte| byte == b'.')
        .unwrap_or(magnitude.len());
    let (integer, fraction) = magnitude.split_at(point);
    let fraction = fraction.get(1..).unwrap_or_default();
    let only_digits = integer.iter().chain(fraction).all(u8::is_ascii_digit);
    if !only_digits || integer.len() + fraction.len() == 0 || fraction.len() > SCALE_MAX {
        return Err(ValueError::NotNumeric);
    }
    let zeros = integer.iter().take_while(|&&digit| digit == b'0').count();
    encode_parts(sign, &integer[zeros..], fraction, out)
}

fn encode_parts(sign: u16, integer: &[u8], fraction: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let groups_before = integer.len().div_ceil(GROUP);
    let groups = groups_before + fraction.len().div_ceil(GROUP);
    let groups = i16::try_from(groups).map_err(|_| ValueError::TooLong)?;
    let weight = i16::try_from(groups_before).map_err(|_| ValueError::TooLong)? - 1;
    let scale = u16::try_from(fraction.len()).map_err(|_| ValueError::TooLong)?;
    out.extend_from_slice(&groups.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    // The first group may be short of digits in front, the last one at its end: there, zeros are missing.
    let (first, whole) = integer.split_at(integer.len() % GROUP);
    if !first.is_empty() {
        out.extend_from_slice(&value(first).to_be_bytes());
    }
    for group in whole.chunks(GROUP) {
        out.extend_from_slice(&value(group).to_be_bytes());
    }
    for group in fraction.chunks(GROUP) {
        let missing = [1, 10, 100, 1000][GROUP - group.len()];
        out.extend_from_slice(&(value(group) * missing).to_be_bytes());
    }
    Ok(())
}

/// The value of up to four decimal digits.
fn value(digits: &[u8]) -> u16 {
    digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::{ValueError, encode, write};

    fn there_and_back(text: &str) -> String {
        let (mut binary, mut decimal) = (Vec::new(), Vec::new());
        encode(text, &mut binary).unwrap();
        write(&binary, &mut decimal).unwrap();
        String::from_utf8(decimal).unwrap()
    }

    #[test]
    fn decimal_notation_survives_the_binary_format() {
        for text in [
            "0",
            "1",
            "-12.50",
            "10000",
            "0.0001",
            "0.00001",
            "123456789.987654321",
            "1.000",
            "-0.5",
        ] {
            assert_eq!(there_and_back(text), text);
        }
        assert_eq!(there_and_back("+007."), "7");
        assert_eq!(there_and_back(".5"), "0.5");
        let long = format!("9{}.{}", "0".repeat(1000), "1".repeat(1001));
        assert_eq!(there_and_back(&long), long);
    }

    #[test]
    fn what_is_not_decimal_notation_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1e5",
            "NaN",
            "Infinity",
            "1.2.3",
            "٣",
            " 1",
            &format!("0.{}", "1".repeat(16_384)),
        ] {
            assert_eq!(
                encode(text, &mut Vec::new()),
                Err(ValueError::NotNumeric),
                "{text:?}"
            );
        }
        assert_eq!(
            encode(&"1".repeat(131_073), &mut Vec::new()),
            Err(ValueError::TooLong)
        );
    }

    #[test]
    fn nan_and_the_infinities_are_not_finite() {
        for sign in [0xC000_u16, 0xD000, 0xF000] {
            let mut bytes = [0; 8];
            bytes[4..6].copy_from_slice(&sign.to_be_bytes());
            assert_eq!(write(&bytes, &mut Vec::new()), Err(ValueError::NotFinite));
        }
    }
}
