//! "Did you mean": which names resemble one that is not there.

/// The longest name that is compared, in bytes.
const MAX_LENGTH: usize = 64;

/// How well `name` answers to a misspelt `wanted`; lower is better, `None` for not at all.
///
/// One slip of the hand comes first, then names that go on where `wanted` ends (the shortest
/// first), then two or three slips, then names that end where `wanted` goes on.
pub(crate) fn likeness(wanted: &[u8], name: &[u8]) -> Option<(u8, usize)> {
    if wanted.is_empty() || wanted.len() > MAX_LENGTH || name.len() > 2 * MAX_LENGTH {
        return None;
    }
    if wanted == name {
        return Some((0, 0));
    }
    let allowed = (wanted.len() / 3).clamp(1, 3);
    let slips = distance(wanted, name, allowed);
    if slips == Some(1) {
        return Some((1, name.len().abs_diff(wanted.len())));
    }
    if wanted.len() >= 3 && name.starts_with(wanted) {
        return Some((2, name.len() - wanted.len()));
    }
    if let Some(slips) = slips {
        return Some((3, slips));
    }
    (name.len() >= 4 && wanted.starts_with(name)).then(|| (4, wanted.len() - name.len()))
}

/// The number of insertions, deletions, substitutions and swaps of neighbours that lead from one to
/// the other (optimal string alignment), where it is at most `allowed`.
fn distance(left: &[u8], right: &[u8], allowed: usize) -> Option<usize> {
    if left.len().abs_diff(right.len()) > allowed || left.len() > MAX_LENGTH {
        return None;
    }
    let columns = left.len() + 1;
    let mut rows = [[0_usize; MAX_LENGTH + 1]; 3];
    let [before, above, row] = &mut rows;
    let (mut before, mut above, mut row) = (before, above, row);
    for (column, cell) in above.iter_mut().enumerate().take(columns) {
        *cell = column;
    }
    for (index, &there) in right.iter().enumerate() {
        row[0] = index + 1;
        let mut least = row[0];
        for (column, &here) in left.iter().enumerate() {
            let mut cost = (above[column] + usize::from(here != there))
                .min(above[column + 1] + 1)
                .min(row[column] + 1);
            let swapped =
                column > 0 && index > 0 && left[column - 1] == there && right[index - 1] == here;
            if swapped {
                cost = cost.min(before[column - 1] + 1);
            }
            row[column + 1] = cost;
            least = least.min(cost);
        }
        if least > allowed {
            return None;
        }
        (before, above, row) = (above, row, before);
    }
    above
        .get(left.len())
        .copied()
        .filter(|&slips| slips <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("nginx", "nginx", Some(0)),
            ("ngnix", "nginx", Some(1)),
            ("nginx", "nginxx", Some(1)),
            ("nginx", "ginx", Some(1)),
            ("nginx", "nqinx", Some(1)),
            ("nginx", "nqiny", Some(2)),
            ("nginx", "abcde", None),
            ("a", "", Some(1)),
            ("", "", Some(0)),
            ("ab", "ba", Some(1)),
            ("postgres", "postgresql", Some(2)),
        ] {
            assert_eq!(
                distance(left.as_bytes(), right.as_bytes(), 3),
                expected,
                "{left} {right}"
            );
            assert_eq!(
                distance(right.as_bytes(), left.as_bytes(), 3),
                expected,
                "{right} {left}"
            );
        }
    }

    #[test]
    fn the_best_comes_first() {
        let rank = |name: &str| likeness(b"openjdk", name.as_bytes());
        assert!(rank("openjkd") < rank("openjdk-21"));
        assert!(rank("openjdk-21") < rank("openjdk-21-jre"));
        assert!(rank("openjdk-21-jre") < rank("opendjdkx"));
        assert_eq!(rank("bash"), None);
        assert_eq!(
            likeness(b"postgresql-17.2", b"postgresql-17").map(|(class, _)| class),
            Some(3)
        );
        assert_eq!(likeness(&[b'a'; 500], &[b'a'; 500]), None);
    }
}
