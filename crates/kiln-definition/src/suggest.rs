//! "Did you mean": the nearest of some names.

/// The name nearest to what was written, when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(found: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.is_empty() || found.len() > 64 {
        return None;
    }
    let written = normal(found);
    let limit = match found.chars().count() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    names
        .into_iter()
        .map(|name| (distance(&written, &normal(name)), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Spelling differences that people mean nothing by: case, and `_` for `-`.
fn normal(text: &str) -> Vec<char> {
    text.chars()
        .map(|letter| {
            if letter == '_' {
                '-'
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Edit distance with transpositions of neighbours (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, left_letter) in left.iter().enumerate() {
        let mut next = Vec::with_capacity(right.len() + 1);
        next.push(row + 1);
        for (column, right_letter) in right.iter().enumerate() {
            let cost = usize::from(left_letter != right_letter);
            let mut best = (last[column] + cost)
                .min(last[column + 1] + 1)
                .min(next[column] + 1);
            let swapped = row > 0
                && column > 0
                && Some(left_letter) == right.get(column.wrapping_sub(1))
                && left.get(row.wrapping_sub(1)) == Some(right_letter);
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let names = ["entrypoint", "environment", "work-dir", "cmd", "ports"];
        for (written, meant) in [
            ("entrypiont", Some("entrypoint")),
            ("work_dir", Some("work-dir")),
            ("CMD", Some("cmd")),
            ("port", Some("ports")),
            ("enviroment", Some("environment")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), meant, "{written}");
        }
    }
}
