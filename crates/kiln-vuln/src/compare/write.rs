//! A sheet as Markdown and as one HTML file.

use std::fmt::Write as _;

use super::Sheet;
use crate::report::{cell, escape, page_style, sort_script};

/// Markdown, for comments of build services. Tables of more than 20 rows are folded.
#[must_use]
pub fn markdown(sheet: &Sheet) -> String {
    let mut out = format!("## {}\n\n", cell(&sheet.title));
    for what in &sheet.not_known {
        let _ = writeln!(out, "> **Not known:** {}\n", cell(what));
    }
    for table in &sheet.tables {
        let is_long = table.rows.len() > 20;
        match is_long {
            true => {
                let title = escape(&table.title);
                let _ = writeln!(out, "<details><summary>{title}</summary>\n");
            }
            false => {
                let _ = writeln!(out, "### {}\n", cell(&table.title));
            }
        }
        let head: Vec<String> = table
            .columns
            .iter()
            .map(|name| cell(name.trim_start_matches('>')))
            .collect();
        let _ = writeln!(
            out,
            "| {} |\n|{}",
            head.join(" | "),
            "---|".repeat(head.len())
        );
        for row in &table.rows {
            let row: Vec<String> = row.iter().map(|text| cell(text)).collect();
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
        out.push('\n');
        if is_long {
            out.push_str("</details>\n\n");
        }
    }
    out
}

/// One page that needs nothing else.
#[must_use]
pub fn html(sheet: &Sheet) -> String {
    let title = escape(&sheet.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{}</style></head><body><main>\n<h1>{title}</h1>\n",
        page_style()
    );
    for what in &sheet.not_known {
        let _ = writeln!(
            out,
            "<p class=\"warn\" role=\"alert\"><strong>Not known:</strong> {}</p>",
            escape(what)
        );
    }
    for table in &sheet.tables {
        let title = escape(&table.title);
        let _ = write!(
            out,
            "<h2>{title}</h2>\n<table class=\"sort\"><caption>{title}</caption><thead><tr>"
        );
        for column in &table.columns {
            let name = match column.trim_start_matches('>') {
                "" => "what",
                name => name,
            };
            let _ = write!(
                out,
                "<th scope=\"col\"><button>{}</button></th>",
                escape(name)
            );
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &table.rows {
            out.push_str("<tr>");
            for text in row {
                let _ = write!(out, "<td>{}</td>", escape(text));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table>\n");
    }
    let _ = writeln!(
        out,
        "</main><script>{}</script></body></html>",
        sort_script()
    );
    out
}
