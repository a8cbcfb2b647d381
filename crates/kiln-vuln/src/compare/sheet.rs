//! A comparison as tables.

use std::collections::BTreeMap;

use kiln_types::LevelCounts;

use super::{Change, Comparison, Side, ValueChange, Vulnerable};

/// Things that one cell names: an image may hold any number of roots.
const MOST_IN_A_CELL: usize = 20;

/// Titled tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The title of the whole.
    pub title: String,
    /// What is not known, each in a sentence.
    pub not_known: Vec<String>,
    /// The tables; none is empty.
    pub tables: Vec<Table>,
}

/// A titled table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its title.
    pub title: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Its rows, as long as the columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }
}

/// Lays a comparison out.
#[must_use]
pub fn sheet(comparison: &Comparison) -> Sheet {
    let (from, to) = (&comparison.from, &comparison.to);
    let not_known = [from, to]
        .into_iter()
        .flat_map(|side| {
            side.not_known
                .iter()
                .map(move |what| format!("{}: {what}", side.name))
        })
        .collect();
    let mut tables = vec![overview(from, to)];
    if let (Some(went), Some(came)) = (&comparison.went, &comparison.came) {
        tables.push(vulnerabilities("Vulnerabilities that went", went));
        tables.push(vulnerabilities("Vulnerabilities that came", came));
    }
    tables.push(packages(comparison));
    let mut groups: BTreeMap<&str, Vec<&ValueChange>> = BTreeMap::new();
    for value in &comparison.values {
        groups.entry(value.of).or_default().push(value);
    }
    for (of, title) in [
        ("process", "How it runs"),
        ("environment", "Environment"),
        ("label", "Labels"),
        ("port", "Ports"),
        ("volume", "Volumes"),
        ("shell", "Shells"),
        ("package manager", "Package managers"),
        ("interpreter", "Interpreters"),
        ("setuid", "Setuid files"),
        ("setgid", "Setgid files"),
        ("capability", "Files with capabilities"),
        ("world-writable", "Open to all"),
        ("secret", "Files that look like secrets"),
        ("licence", "Licences (components)"),
    ] {
        tables.extend(groups.get(of).map(|list| values(title, list)));
    }
    let mut sizes = Table::new(
        "Files by directory",
        &[
            "directory",
            ">files were",
            ">are",
            ">size was",
            ">is",
            ">difference",
        ],
    );
    for change in &comparison.directories {
        sizes.rows.push(vec![
            change.path.clone(),
            change.from.files.to_string(),
            change.to.files.to_string(),
            size(change.from.bytes),
            size(change.to.bytes),
            difference(change.from.bytes, change.to.bytes, size),
        ]);
    }
    tables.push(sizes);
    tables.retain(|table| !table.rows.is_empty());
    Sheet {
        title: format!("{} and {}", from.name, to.name),
        not_known,
        tables,
    }
}

fn overview(from: &Side, to: &Side) -> Table {
    let mut table = Table::new("Overview", &["", "was", "is", "difference"]);
    let mut row = |name: &str, one: Option<String>, other: Option<String>, difference: String| {
        if one.is_some() || other.is_some() {
            let cell = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
            table
                .rows
                .push(vec![name.to_owned(), cell(one), cell(other), difference]);
        }
    };
    let short = |side: &Side| {
        let digest = side.digest.map(|digest| digest.to_string());
        digest.map(|text| text.chars().take(19).collect::<String>())
    };
    row(
        "image",
        Some(from.name.clone()),
        Some(to.name.clone()),
        String::new(),
    );
    row("digest", short(from), short(to), String::new());
    row(
        "platform",
        from.platform.clone(),
        to.platform.clone(),
        String::new(),
    );
    let made = |side: &Side| side.created.map(|at| at.to_string());
    row("made", made(from), made(to), String::new());
    row(
        "distribution",
        from.distribution.clone(),
        to.distribution.clone(),
        String::new(),
    );
    row(
        "supported until",
        from.end_of_life.clone(),
        to.end_of_life.clone(),
        String::new(),
    );
    let others = |side: &Side| {
        let known = side.runtimes.iter().map(|runtime| {
            let (name, version) = (&runtime.name, &runtime.version);
            let day = runtime.end_of_life.as_deref().unwrap_or("not known");
            format!("{name} {version}: {day}")
        });
        let mut known: Vec<String> = known.collect();
        let more = known.len().saturating_sub(MOST_IN_A_CELL);
        known.truncate(MOST_IN_A_CELL);
        if more > 0 {
            known.push(format!("and {more} more"));
        }
        (!known.is_empty()).then(|| known.join(", "))
    };
    if !(from.runtimes.is_empty() && to.runtimes.is_empty()) {
        row(
            "others supported until",
            others(from),
            others(to),
            String::new(),
        );
    }
    let counts = |side: &Side, counts: Option<LevelCounts>| {
        let least = match side.is_lower_bound {
            true => "at least ",
            false => "",
        };
        counts.map(|counts| format!("{least}{}", letters(counts)))
    };
    // A difference of numbers that are not known is none.
    let is_known = !from.is_lower_bound && !to.is_lower_bound;
    let delta = |one: Option<LevelCounts>, other: Option<LevelCounts>| match (one, other) {
        (Some(one), Some(other)) if is_known => difference(one.total(), other.total(), plain),
        _ => String::new(),
    };
    row(
        "vulnerabilities",
        counts(from, from.vulnerabilities),
        counts(to, to.vulnerabilities),
        delta(from.vulnerabilities, to.vulnerabilities),
    );
    row(
        "fixable ones",
        counts(from, from.fixable),
        counts(to, to.fixable),
        delta(from.fixable, to.fixable),
    );
    let mut number = |name: &str, one: Option<u64>, other: Option<u64>, show: fn(u64) -> String| {
        let change = match (one, other) {
            (Some(one), Some(other)) => difference(one, other, show),
            _ => String::new(),
        };
        row(name, one.map(show), other.map(show), change);
    };
    number("packages", Some(from.packages), Some(to.packages), plain);
    number("size, compressed", from.compressed, to.compressed, size);
    number("size, unpacked", from.unpacked, to.unpacked, size);
    number("layers", from.layers, to.layers, plain);
    number("files", from.files, to.files, plain);
    number("shells", from.shells, to.shells, plain);
    number(
        "package managers",
        from.package_managers,
        to.package_managers,
        plain,
    );
    number("setuid and setgid files", from.setuid, to.setuid, plain);
    let user = |side: &Side| {
        let user = side.user.clone()?;
        Some(match side.is_root == Some(true) && user != "root" {
            true => format!("{user} (root)"),
            false => user,
        })
    };
    row("user", user(from), user(to), String::new());
    table
}

/// `0C 1H 3M 153L`, with what is negligible or unrated behind it.
fn letters(counts: LevelCounts) -> String {
    let mut text = format!(
        "{}C {}H {}M {}L",
        counts.critical, counts.high, counts.medium, counts.low
    );
    if counts.negligible > 0 {
        text.push_str(&format!(" {}N", counts.negligible));
    }
    if counts.unknown > 0 {
        text.push_str(&format!(" {}?", counts.unknown));
    }
    text
}

fn vulnerabilities(title: &str, list: &[Vulnerable]) -> Table {
    let title = format!("{title} ({})", list.len());
    let mut table = Table::new(
        title,
        &["level", "id", "package", "version", "fixed in", "exploited"],
    );
    for one in list {
        table.rows.push(vec![
            one.level.0.to_string(),
            one.id.clone(),
            one.package.clone(),
            one.version.clone(),
            one.fixed_version.clone().unwrap_or_default(),
            if one.exploited { "yes" } else { "" }.to_owned(),
        ]);
    }
    table
}

fn packages(comparison: &Comparison) -> Table {
    let count = |wanted: Change| {
        let is = |one: &&super::PackageChange| one.change == wanted;
        comparison.packages.iter().filter(is).count()
    };
    let title = format!(
        "Packages ({} removed, {} added, {} up, {} down, {} other, {} the same)",
        count(Change::Removed),
        count(Change::Added),
        count(Change::Up),
        count(Change::Down),
        count(Change::Other),
        comparison.same_packages
    );
    let mut table = Table::new(
        title,
        &["", "kind", "name", "version", "then", "vulnerabilities"],
    );
    for one in &comparison.packages {
        let mut ids = Vec::new();
        if !one.went.is_empty() {
            ids.push(format!("-{}", one.went.len()));
        }
        if !one.came.is_empty() {
            ids.push(format!("+{}", one.came.len()));
        }
        table.rows.push(vec![
            one.change.sign().to_owned(),
            one.kind.to_string(),
            one.name.clone(),
            one.from.clone().unwrap_or_default(),
            one.to.clone().unwrap_or_default(),
            ids.join(" "),
        ]);
    }
    table
}

fn values(title: &str, list: &[&ValueChange]) -> Table {
    let mut table = Table::new(title, &["", "name", "was", "is"]);
    for one in list {
        let sign = match (&one.from, &one.to) {
            (None, _) => "+",
            (_, None) => "-",
            _ => "~",
        };
        let mut after = one.to.clone().unwrap_or_default();
        if one.is_hidden && one.from == one.to {
            after.push_str(" (changed)");
        }
        table.rows.push(vec![
            sign.to_owned(),
            one.name.clone(),
            one.from.clone().unwrap_or_default(),
            after,
        ]);
    }
    table
}

fn plain(number: u64) -> String {
    number.to_string()
}

fn difference(one: u64, other: u64, show: fn(u64) -> String) -> String {
    match one.cmp(&other) {
        std::cmp::Ordering::Less => format!("+{}", show(other - one)),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("-{}", show(one - other)),
    }
}

/// `45 MB`, in powers of 1000, with one digit behind the point below ten.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    for (unit, factor) in UNITS {
        if bytes >= factor {
            let tenths = bytes / (factor / 10);
            return match tenths < 100 {
                true => format!("{}.{} {unit}", tenths / 10, tenths % 10),
                false => format!("{} {unit}", (bytes + factor / 2) / factor),
            };
        }
    }
    format!("{bytes} B")
}
