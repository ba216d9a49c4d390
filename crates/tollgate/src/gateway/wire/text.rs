//! Writes what heads are made of.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes one field.
pub fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in decimal digits.
pub fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Writes a number in hexadecimal digits.
pub fn push_hex_number(out: &mut Vec<u8>, number: usize) {
    let bits = usize::BITS - number.leading_zeros();
    for place in (0..bits.div_ceil(4).max(1)).rev() {
        out.push(HEX[(number >> (place * 4)) & 15]);
    }
}

/// Writes bytes, each as two hexadecimal digits.
pub fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}
