//! Which keys are taken: what a policy may narrow or widen.

/// What a project takes beyond what every project takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// The smallest RSA modulus in bits; never below [`RSA_BITS_MIN`].
    pub min_rsa_bits: u16,
    /// The smallest RSA public exponent; never below 3.
    pub min_rsa_exponent: u32,
    /// DSA is taken, although its 160-bit group is weak.
    pub dsa: bool,
}

impl KeyRules {
    /// What was stored was taken once, by whatever rules there were then.
    pub(super) const STORED: Self = Self { min_rsa_bits: RSA_BITS_MIN, min_rsa_exponent: RSA_EXPONENT_MIN, dsa: true };
}

impl Default for KeyRules {
    fn default() -> Self {
        Self { min_rsa_bits: RSA_BITS_MIN, min_rsa_exponent: RSA_EXPONENT_USUAL, dsa: false }
    }
}

/// No policy goes below.
pub(super) const RSA_BITS_MIN: u16 = 2048;
/// Nor below this one: 1 and even exponents make no key.
pub(super) const RSA_EXPONENT_MIN: u32 = 3;
/// What every maker of keys takes by default.
const RSA_EXPONENT_USUAL: u32 = 65_537;
