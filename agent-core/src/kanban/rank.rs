//! Places within a column: strings that compare bytewise, with room between any two.
//!
//! A rank is a 16-digit hexadecimal number, started in the middle; a place at either end is 2³² away from its
//! neighbour, so 2³¹ cards fit on each side without growing. Between two neighbours the midpoint is taken, and
//! digits are added only when there is no number left between them.

const DIGITS: usize = 16;
const STEP: u64 = 1 << 32;
const MIDDLE: u64 = 1 << 63;

/// A rank after `low` and before `high`; `None` is the end of the column.
pub(crate) fn between(low: Option<&str>, high: Option<&str>) -> String {
    match (low, high) {
        (None, None) => format!("{MIDDLE:016x}"),
        (Some(low), None) => match whole(low).checked_add(STEP) {
            Some(next) => format!("{next:016x}"),
            None => format!("{low}8"),
        },
        (None, Some(high)) => match whole(high).checked_sub(STEP) {
            Some(previous) => format!("{previous:016x}"),
            None => midpoint("", high),
        },
        (Some(low), Some(high)) if low < high => midpoint(low, high),
        // Neighbours that are equal or swapped can only come from a race; right after the lower one is a fair place.
        (Some(low), Some(_)) => format!("{low}8"),
    }
}

fn whole(rank: &str) -> u64 {
    let digits = rank.get(..DIGITS).unwrap_or(rank);
    u64::from_str_radix(digits, 16).unwrap_or(MIDDLE)
}

/// The middle of two hexadecimal fractions, one digit longer than the longer one when needed.
fn midpoint(low: &str, high: &str) -> String {
    let length = low.len().max(high.len()) + 1;
    let digit = |text: &str, index: usize| {
        text.as_bytes().get(index).and_then(|byte| char::from(*byte).to_digit(16)).unwrap_or(0)
    };
    let mut sum: Vec<u32> = (0..length).map(|index| digit(low, index) + digit(high, index)).collect();
    let mut carry = 0;
    for value in sum.iter_mut().rev() {
        *value += carry;
        carry = *value / 16;
        *value %= 16;
    }
    let mut rest = carry;
    let mut text = String::with_capacity(length);
    for value in sum {
        let total = rest * 16 + value;
        text.push(char::from_digit(total / 2, 16).unwrap_or('0'));
        rest = total % 2;
    }
    while text.len() > DIGITS && text.ends_with('0') {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn stays_strictly_between_and_short() {
        let first = between(None, None);
        let mut last = first.clone();
        for _ in 0..100_000 {
            let next = between(Some(&last), None);
            assert!(next > last);
            last = next;
        }
        assert_eq!(last.len(), 16);
        let before = between(None, Some(&first));
        assert!(before < first);

        let (mut low, high) = (before, first);
        for _ in 0..200 {
            let middle = between(Some(&low), Some(&high));
            assert!(low < middle && middle < high, "{low} {middle} {high}");
            low = middle;
        }
        assert!(low.len() < 80);
    }

    #[test]
    fn the_ends_of_the_range_still_have_room() {
        let low = between(None, Some("0000000000000001"));
        assert!(low.as_str() < "0000000000000001");
        assert!(between(Some("ffffffffffffffff"), None).as_str() > "ffffffffffffffff");
    }
}
