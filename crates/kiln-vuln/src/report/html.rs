//! HTML: one file without anything from outside, that sorts by a click or a key, and that screen
//! readers read: headings, captions, header cells with their scope, and charts with their numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kiln_types::{Finding, Findings, Rating, RiskLevel, Timestamp};

use super::sarif::link;
use super::{Group, escape, fraction, notes, rated, remedy, supported};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;\
color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}\
caption{text-align:left;font-weight:600;padding:.3rem 0}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ccc;vertical-align:top;overflow-wrap:anywhere}th button{font:inherit;border:0;\
background:none;padding:0;cursor:pointer;color:inherit}th[aria-sort=ascending] button:after{content:' ▲'}\
th[aria-sort=descending] button:after{content:' ▼'}.bar{display:inline-block;height:1rem;background:#8a1c1c}\
.chart th:last-child,.chart td:last-child{width:60%}.chart th:first-child{width:25%}\
.sort caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\
.warn{border-left:.4rem solid #8a1c1c;padding:.5rem 1rem;background:#fbeaea}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}.warn{background:#2c1414}\
.bar{background:#e06666}a{color:#9cf}th,td{border-color:#444}}";

const SCRIPT: &str = "for(const t of document.querySelectorAll('table.sort'))t.querySelectorAll('th').forEach((h,i)=>{\
const b=h.querySelector('button');b.onclick=()=>{const up=h.getAttribute('aria-sort')!=='ascending';\
t.querySelectorAll('th').forEach(x=>x.removeAttribute('aria-sort'));\
h.setAttribute('aria-sort',up?'ascending':'descending');const k=r=>r.cells[i].dataset.k??r.cells[i].textContent;\
[...t.tBodies[0].rows].sort((a,c)=>(up?1:-1)*k(a).localeCompare(k(c),'en',{numeric:true}))\
.forEach(r=>t.tBodies[0].append(r))}})";

/// The style of every page.
pub(crate) const fn page_style() -> &'static str {
    STYLE
}

/// What sorts tables, on every page.
pub(crate) const fn sort_script() -> &'static str {
    SCRIPT
}

/// The page. `now` is what ages are counted to; `version` is kiln's.
#[must_use]
pub fn html(findings: &Findings, now: Timestamp, version: &str) -> String {
    let name = escape(&findings.subject.name);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Vulnerabilities in {name}</title>\
         <style>{STYLE}</style></head><body><main>\n<h1>Vulnerabilities in {name}</h1>\n\
         <p>{} in {}, by the advisories of {}.</p>\n",
        escape(&findings.all_counts().to_string()),
        escape(&findings.scope()),
        findings.database.built
    );
    identity(&mut out, findings, now, version);
    for line in notes(findings) {
        let _ = writeln!(out, "<p class=\"warn\">{}</p>", escape(&line));
    }
    for blind in &findings.blind {
        let _ = writeln!(
            out,
            "<p class=\"warn\" role=\"alert\"><strong>Not known:</strong> {} components of {}: {}</p>",
            blind.components,
            escape(&blind.ecosystem),
            escape(&blind.reason)
        );
    }
    for missed in &findings.incomplete {
        let _ = writeln!(
            out,
            "<p class=\"warn\" role=\"alert\"><strong>Not read:</strong> {}: {}</p>",
            escape(&missed.place),
            escape(&missed.reason)
        );
    }
    let mut levels: Vec<(String, u64)> = Vec::new();
    for level in RiskLevel::ALL {
        let count = findings
            .active()
            .filter(|finding| finding.level == level)
            .count();
        levels.push((level.to_string(), count as u64));
    }
    chart(&mut out, "By level", &levels);
    chart(&mut out, "By age since publication", &ages(findings, now));
    for group in Group::ALL {
        table(&mut out, findings, group);
    }
    out.push_str(
        "<h2>Sources</h2>\n<table><caption>What the database was made of</caption><thead><tr>\
        <th scope=\"col\">source</th><th scope=\"col\">as of</th><th scope=\"col\">gave</th>\
        <th scope=\"col\">SHA-256</th></tr></thead><tbody>\n",
    );
    for source in &findings.database.sources {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&source.name),
            source.as_of,
            escape(&source.gave()),
            escape(&source.sha256)
        );
    }
    let _ = write!(
        out,
        "</tbody></table>\n</main><script>{SCRIPT}</script></body></html>\n"
    );
    out
}

/// Which image this is about, and what told it: a page travels without the command that made it.
fn identity(out: &mut String, findings: &Findings, now: Timestamp, version: &str) {
    let subject = &findings.subject;
    let distribution = findings.distribution.as_ref().map(|found| {
        let version = found.version.as_deref().unwrap_or_default();
        let name = format!("{} {version}", found.id).trim_end().to_owned();
        found.pretty_name.clone().unwrap_or(name)
    });
    let database = match findings.database.sha256.as_str() {
        "" => findings.database.built.to_string(),
        digest => format!("{}, sha256:{digest}", findings.database.built),
    };
    let rows = [
        ("image", Some(subject.name.clone())),
        (
            "manifest",
            subject.manifest.map(|digest| digest.to_string()),
        ),
        (
            "configuration",
            subject.config.map(|digest| digest.to_string()),
        ),
        ("platform", subject.platform.clone()),
        ("distribution", distribution),
        ("supported until", supported(findings, now)),
        ("made by", Some(format!("kiln {version}"))),
        ("advisories", Some(database)),
    ];
    out.push_str("<table><caption>What this is about</caption><tbody>\n");
    for (name, value) in rows {
        let Some(value) = value else { continue };
        let value = escape(&value);
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
        );
    }
    out.push_str("</tbody></table>\n");
}

/// What it is, its other ids and its CVSS vector, as far as they are known.
fn told(finding: &Finding) -> String {
    let found = &finding.vulnerability;
    let mut out = escape(&found.summary);
    let aliases: Vec<&str> = found.aliases.iter().map(String::as_str).collect();
    let also = match aliases.is_empty() {
        true => String::new(),
        false => format!("also {}", aliases.join(", ")),
    };
    // Of the source that the level is of, else of any.
    let is_own = |rating: &&Rating| Some(&rating.source) == finding.level_source.as_ref();
    let vector = found
        .ratings
        .iter()
        .filter(is_own)
        .chain(&found.ratings)
        .find_map(|rating| rating.vector.clone());
    for more in [also, vector.unwrap_or_default()] {
        if !more.is_empty() {
            let _ = write!(out, " <small>{}</small>", escape(&more));
        }
    }
    out
}

fn ages(findings: &Findings, now: Timestamp) -> Vec<(String, u64)> {
    const NAMES: [&str; 5] = [
        "under 30 days",
        "30 to 90 days",
        "90 days to a year",
        "over a year",
        "unknown",
    ];
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    for finding in findings.active() {
        let days = finding
            .vulnerability
            .published
            .map(|published| (now.unix() - published.unix()).div_euclid(86_400));
        let place = match days {
            None => 4,
            Some(..30) => 0,
            Some(30..90) => 1,
            Some(90..365) => 2,
            Some(365..) => 3,
        };
        *counts.entry(place).or_default() += 1;
    }
    NAMES
        .iter()
        .enumerate()
        .map(|(place, name)| ((*name).to_owned(), counts.get(&place).copied().unwrap_or(0)))
        .collect()
}

/// A chart that is a table: bars for eyes, numbers for everybody.
fn chart(out: &mut String, title: &str, rows: &[(String, u64)]) {
    let most = rows
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(0)
        .max(1);
    let _ = writeln!(
        out,
        "<table class=\"chart\"><caption>{title}</caption><thead><tr><th scope=\"col\">what</th>\
         <th scope=\"col\">how many</th><th scope=\"col\" aria-hidden=\"true\"></th></tr></thead><tbody>"
    );
    for (name, count) in rows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{count}</td><td aria-hidden=\"true\">\
             <span class=\"bar\" style=\"width:{}%\"></span></td></tr>",
            escape(name),
            count * 100 / most
        );
    }
    out.push_str("</tbody></table>\n");
}

/// The first file that speaks for it, and the layer that brought it: that is the line to change.
fn whereabouts(findings: &Findings, finding: &Finding) -> String {
    let path = escape(finding.location.as_deref().unwrap_or_default());
    let layers = &findings.subject.layers;
    let place = finding.layer.and_then(|place| usize::try_from(place).ok());
    match place.and_then(|place| Some((place, layers.get(place)?))) {
        Some((place, layer)) => format!(
            "{path} <small>layer {} of {}, {}</small>",
            place + 1,
            layers.len(),
            layer.blob.unwrap_or(layer.diff_id)
        ),
        None => path,
    }
}

fn table(out: &mut String, findings: &Findings, group: Group) {
    let list = group.findings(findings);
    let title = group.title();
    let _ = writeln!(out, "<h2>{title} ({})</h2>", list.len());
    if list.is_empty() {
        return;
    }
    let last = match group {
        Group::Fixable => "fixed in",
        Group::NoFix | Group::Suppressed => "why",
    };
    let _ = write!(
        out,
        "<table class=\"sort\"><caption>{title}</caption><thead><tr>"
    );
    for column in [
        "level",
        "id",
        "what",
        "package",
        "version",
        "where",
        last,
        "EPSS",
        "exploited",
    ] {
        let _ = write!(out, "<th scope=\"col\"><button>{column}</button></th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for finding in list {
        let found = &finding.vulnerability;
        let place = RiskLevel::ALL
            .iter()
            .position(|level| *level == finding.level);
        let _ = writeln!(
            out,
            "<tr><td data-k=\"{}\">{}</td><th scope=\"row\"><a href=\"{}\">{}</a></th><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            place.unwrap_or_default(),
            escape(&rated(finding)),
            escape(&link(&found.id)),
            escape(&found.id),
            told(finding),
            escape(&finding.package),
            escape(&finding.version),
            whereabouts(findings, finding),
            escape(&remedy(finding)),
            found
                .epss
                .map(|epss| fraction(epss.probability))
                .unwrap_or_default(),
            found
                .exploited
                .as_ref()
                .map(|one| escape(&one.added))
                .unwrap_or_default()
        );
    }
    out.push_str("</tbody></table>\n");
}
