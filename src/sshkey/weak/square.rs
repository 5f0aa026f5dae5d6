//! Squares modulo an odd number, for the one check that takes thousands of them (P. L. Montgomery, "Modular
//! Multiplication Without Trial Division", 1985).
//!
//! Own arithmetic, because crypto-bigint, which is made for secrets, takes half as long again: 230 ms instead of 150 ms
//! for a modulus of 8192 bits, and 250 ms is what an import may take. It is for public numbers only: its time depends
//! on them. A test holds it against crypto-bigint.

/// An odd modulus, and room to work in. A number x is represented by words, as many as the modulus has, that are
/// x * 2^(64 * length) modulo the modulus, plus, until it is settled, at most 256 times the modulus.
pub(super) struct Squares {
    /// The lowest word first; an even number of words, so that two can be worked off at a time.
    modulus: Vec<u64>,
    /// -1 / modulus, modulo 2^64.
    inverse: u64,
    /// Twice as many words as the modulus has.
    work: Vec<u64>,
}

impl Squares {
    /// Of an odd modulus, its lowest word first.
    pub(super) fn new(modulus: &[u64]) -> Self {
        let mut modulus = modulus.to_vec();
        modulus.resize(modulus.len().next_multiple_of(2), 0);
        let lowest = modulus.first().copied().unwrap_or(1);
        // Newton: every step doubles the number of right bits, of which an odd number's own inverse modulo 2 is one.
        let inverse =
            (0..6).fold(1_u64, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse))));
        Self { work: vec![0; 2 * modulus.len()], inverse: inverse.wrapping_neg(), modulus }
    }

    /// How many words a residue has.
    pub(super) fn len(&self) -> usize {
        self.modulus.len()
    }

    /// Replaces x by x^2.
    pub(super) fn square(&mut self, x: &mut [u64]) {
        self.work.fill(0);
        add_products(x, &mut self.work);
        double_and_add_squares(x, &mut self.work);
        let carry = self.reduce();
        x.copy_from_slice(&self.work[self.modulus.len()..]);
        if carry != 0 {
            // The sum was below 2^(64 * length) + modulus.
            subtract(x, &self.modulus);
        }
    }

    /// Replaces x by 2x.
    pub(super) fn double(&self, x: &mut [u64]) {
        let mut carry = 0;
        for word in x.iter_mut() {
            (*word, carry) = (*word << 1 | carry, *word >> 63);
        }
        while carry != 0 {
            carry -= u64::from(subtract(x, &self.modulus));
        }
    }

    /// Brings a number below the modulus, so that equal ones have equal words.
    pub(super) fn settle(&self, x: &mut Vec<u64>) {
        let mut less = x.clone();
        while !subtract(&mut less, &self.modulus) {
            x.clone_from(&less);
        }
    }

    /// Adds multiples of the modulus until the lower half of the work is zero, two words at a time; the lower half
    /// itself is left as it is. Returns what runs over the upper half: 0 or 1.
    fn reduce(&mut self) -> u64 {
        let length = self.modulus.len();
        let [n0, n1, tail @ ..] = self.modulus.as_slice() else { return 0 };
        let mut over = 0;
        for at in (0..length).step_by(2) {
            let work = &mut self.work[at..=at + length + 1];
            let m0 = work[0].wrapping_mul(self.inverse);
            let (_, mut carry0) = multiply_add(m0, *n0, work[0], 0);
            let (next, carry) = multiply_add(m0, *n1, work[1], carry0);
            carry0 = carry;
            let m1 = next.wrapping_mul(self.inverse);
            let (_, mut carry1) = multiply_add(m1, *n0, next, 0);
            let mut previous = *n1;
            for (word, &n) in work[2..length].iter_mut().zip(tail) {
                let low;
                (low, carry0) = multiply_add(m0, n, *word, carry0);
                (*word, carry1) = multiply_add(m1, previous, low, carry1);
                previous = n;
            }
            let (low, high) = multiply_add(m1, previous, work[length], carry1);
            let sum = u128::from(low) + u128::from(carry0) + u128::from(over);
            let upper = u128::from(work[length + 1]) + u128::from(high) + (sum >> 64);
            (work[length], work[length + 1], over) = (sum as u64, upper as u64, (upper >> 64) as u64);
        }
        over
    }
}

/// Adds all x[i] * x[j] with i < j, two rows at a time.
fn add_products(x: &[u64], work: &mut [u64]) {
    let mut rest = x;
    let mut at = 1; // the place of rest[0] * rest[1]
    while let [x0, x1, tail @ ..] = rest {
        let row = &mut work[at..];
        let (low, mut carry0) = multiply_add(*x0, *x1, row[0], 0);
        row[0] = low;
        let (mut carry1, mut previous) = (0, 0); // the second row begins two places on
        for (word, &x) in row[1..].iter_mut().zip(tail) {
            let low;
            (low, carry0) = multiply_add(*x0, x, *word, carry0);
            (*word, carry1) = multiply_add(*x1, previous, low, carry1);
            previous = x;
        }
        // Nothing was written above yet, and the sum of all products fits the work.
        let end = 1 + tail.len();
        let (low, high) = multiply_add(*x1, previous, row[end], carry1);
        let (low, over) = low.overflowing_add(carry0);
        row[end] = low;
        if let Some(word) = row.get_mut(end + 1) {
            *word += high + u64::from(over);
        }
        rest = tail;
        at += 4;
    }
}

/// Doubles the work and adds the squares x[i]^2.
fn double_and_add_squares(x: &[u64], work: &mut [u64]) {
    let (mut top, mut carry) = (0, 0);
    for (pair, &x) in work.chunks_exact_mut(2).zip(x) {
        let [low, high] = pair else { continue };
        let (twice_low, twice_high) = (*low << 1 | top, *high << 1 | *low >> 63);
        top = *high >> 63;
        let (sum, over) = multiply_add(x, x, twice_low, carry);
        *low = sum;
        let (sum, over) = twice_high.overflowing_add(over);
        *high = sum;
        carry = u64::from(over);
    }
}

/// a * b + c + d as low and high word: it always fits.
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let sum = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (sum as u64, (sum >> 64) as u64)
}

/// Takes `number` from x modulo 2^(64 * length), and says whether x was smaller.
fn subtract(x: &mut [u64], number: &[u64]) -> bool {
    let mut borrow = false;
    for (word, &number) in x.iter_mut().zip(number) {
        let (difference, first) = word.overflowing_sub(number);
        let (difference, second) = difference.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (difference, first || second);
    }
    borrow
}

#[cfg(test)]
mod tests {
    use crypto_bigint::BoxedUint;
    use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of every length, with high words of all kinds: the carries are what goes wrong.
        #[test]
        fn squares_and_doubles_are_those_of_crypto_bigint(
            mut words in prop::collection::vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 1..12),
            top in 1_u64..,
            x in prop::collection::vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 14),
            doubles in prop::collection::vec(any::<bool>(), 8),
        ) {
            words[0] |= 1;
            words.push(top);
            let mut squares = Squares::new(&words);
            words.resize(squares.len(), 0);
            let modulus = BoxedUint::from_words(words);
            let params = BoxedMontyParams::new_vartime(modulus.to_odd().unwrap());
            let start = BoxedUint::from_words(x[..squares.len()].to_vec()).rem_vartime(modulus.as_nz_vartime().unwrap());
            let mut ours = start.to_words().to_vec();
            let mut theirs = BoxedMontyForm::from_montgomery(start, &params);
            for double in doubles {
                squares.square(&mut ours);
                theirs = theirs.square();
                if double {
                    squares.double(&mut ours);
                    theirs = theirs.double();
                }
            }
            squares.settle(&mut ours);
            prop_assert_eq!(ours, theirs.as_montgomery().to_words().to_vec());
        }
    }
}
