//! The deb822 grammar, its limits, and files that lie.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;

fn all(text: &str) -> Result<Vec<Paragraph>, ControlError> {
    Paragraph::parse_all(text.as_bytes(), Limits::DOCUMENT)
}

fn fails(text: &[u8]) -> String {
    Paragraph::parse_all(text, Limits::DOCUMENT)
        .unwrap_err()
        .to_string()
}

#[test]
fn paragraphs_fields_and_continuations() {
    let text = "\n# first\nPackage: a\nDescription: short\n long\n .\n  more\nConffiles:\n /etc/a\n\n \t\nPackage:b\r\nEmpty:\n";
    let paragraphs = all(text).unwrap();
    assert_eq!(paragraphs.len(), 2);
    let [first, second] = paragraphs.as_slice() else {
        panic!()
    };
    assert_eq!(first.get("package"), Some("a"));
    assert_eq!(first.get("DESCRIPTION"), Some("short\n long\n .\n  more"));
    assert_eq!(first.get("Conffiles"), Some("\n /etc/a"));
    assert_eq!(first.line(), 3);
    assert_eq!(first.line_of("Conffiles"), Some(8));
    assert_eq!(
        second.fields(),
        [
            ("Package".into(), "b".into()),
            ("Empty".into(), String::new())
        ]
    );
    assert_eq!(second.line(), 12);
    assert_eq!(
        second.require("Version").unwrap_err().to_string(),
        "line 12: field `Version` is missing"
    );
    assert_eq!(
        first.to_string(),
        "Package: a\nDescription: short\n long\n .\n  more\nConffiles:\n /etc/a\n"
    );
}

#[test]
fn comments_within_a_value_are_no_part_of_it() {
    let paragraphs = all("A: 1\n# no\n 2\n#end\nB: x # stays\n").unwrap();
    assert_eq!(paragraphs[0].get("A"), Some("1\n 2"));
    assert_eq!(paragraphs[0].get("B"), Some("x # stays"));
}

#[test]
fn a_value_may_begin_like_a_comment() {
    for text in ["A: #1\n 2\n", "A: #1\r\n 2\r\n", "A: #1\n# comment\n 2\n"] {
        let paragraphs = all(text).unwrap();
        assert_eq!(paragraphs[0].get("A"), Some("#1\n 2"), "{text:?}");
    }
}

#[test]
fn carriage_returns_are_blanks() {
    let paragraphs = all("A: 1\r\n 2\r\n\r\nB:\r\n 3\r\n").unwrap();
    assert_eq!(paragraphs[0].get("A"), Some("1\n 2"));
    assert_eq!(paragraphs[1].get("B"), Some("\n 3"));
}

#[test]
fn set_and_remove() {
    let mut paragraph = Paragraph::parse(b"A: 1\nB: 2\n", Limits::DOCUMENT).unwrap();
    paragraph.set("a", "3");
    paragraph.set("C", "4");
    assert_eq!(paragraph.remove("b").as_deref(), Some("2"));
    assert_eq!(paragraph.remove("b"), None);
    assert_eq!(paragraph.to_string(), "A: 3\nC: 4\n");
    assert_eq!(paragraph.line_of("C"), None);
    assert_eq!(
        paragraph
            .clone()
            .into_fields()
            .into_iter()
            .collect::<Paragraph>()
            .to_string(),
        paragraph.to_string()
    );
}

#[test]
fn errors_name_line_and_reason() {
    for (text, expected) in [
        (
            "A: 1\nnonsense\n",
            "line 2: expected `Name: value`, found `nonsense`",
        ),
        (
            "A: 1\n\n continued\n",
            "line 3: a continuation line without a field",
        ),
        (
            "A: 1\nB: 2\na: 3\n",
            "line 3: field `a` is given twice in one paragraph",
        ),
        ("A b: 1\n", "line 1: `A b` is not a field name"),
        (": 1\n", "line 1: `` is not a field name"),
        ("-A: 1\n", "line 1: `-A` is not a field name"),
        ("\u{e4}: 1\n", "line 1: `\u{e4}` is not a field name"),
        ("A: 1\nB: x\0y\n", "line 2: field `B` holds a NUL"),
    ] {
        assert_eq!(fails(text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(fails(b"A: \xff\n"), "line 1: field `A` is not UTF-8");
    for text in ["", "\n\n", "# only\n", "A: 1\n\nB: 2\n"] {
        let error = Paragraph::parse(text.as_bytes(), Limits::DOCUMENT).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("expected exactly one paragraph"),
            "{text:?}: {error}"
        );
    }
    assert_eq!(
        all("A: 1\nx").unwrap_err().of("control").to_string(),
        "control: line 2: expected `Name: value`, found `x`"
    );
}

#[test]
fn a_field_hidden_by_case_is_a_duplicate() {
    assert!(fails(b"Package: good\nPACKAGE: evil\n").contains("twice"));
}

#[test]
fn limits_hold() {
    let limits = Limits {
        paragraph: 64,
        fields: 3,
        paragraphs: 2,
    };
    let check = |text: &str| Paragraph::parse_all(text.as_bytes(), limits).map(|all| all.len());
    assert_eq!(check("A: 1\nB: 2\nC: 3\n\nA: 1\n").unwrap(), 2);
    assert_eq!(
        check("A:\nB:\nC:\nD:\n").unwrap_err().to_string(),
        "line 4: more than 3 fields in one paragraph"
    );
    assert_eq!(
        check("A:\n\nA:\n\nA:\n").unwrap_err().to_string(),
        "line 5: more than 2 paragraphs"
    );
    let long = format!("A:\n\nA: {}\n b\n", "x".repeat(80));
    assert_eq!(
        check(&long).unwrap_err().to_string(),
        "line 3: more than 64 bytes in one paragraph"
    );
}

#[test]
fn an_endless_line_is_refused_before_it_fills_memory() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'a');
            Ok(buffer.len())
        }
    }
    let mut reader = StanzaReader::new(Endless, Limits::INDEX);
    assert!(
        reader
            .next()
            .unwrap_err()
            .to_string()
            .contains("bytes in one paragraph")
    );
    assert!(reader.next().unwrap().is_none(), "nothing follows an error");
}

#[test]
fn a_failing_reader_is_an_error_with_its_reason() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let error = StanzaReader::new(Broken, Limits::INDEX).next().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Environment);
    assert_eq!(
        error.of("Packages").to_string(),
        "Packages: line 1: cannot read: gone"
    );
}

/// Hands out a few bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn paragraphs_across_the_edges_of_the_buffer() {
    let mut text = String::new();
    for number in 0..3_000 {
        text.push_str(&format!(
            "Package: p{number}\nDescription: {}\n {}\n\n",
            "x".repeat(number % 97),
            "y".repeat(number % 401)
        ));
    }
    text.push_str(&format!("Package: last\nLong: {}", "z".repeat(1_000_000)));
    for step in [1_000, 65_537, 10_000_000] {
        let mut reader = StanzaReader::new(Trickle(text.as_bytes(), step), Limits::INDEX);
        let mut count = 0;
        while let Some(stanza) = reader.next().unwrap() {
            let name = stanza.get("package").unwrap().text().unwrap().into_owned();
            if count < 3_000 {
                assert_eq!(name, format!("p{count}"));
                assert_eq!(stanza.line(), 4 * count + 1);
            } else {
                assert_eq!(stanza.get("Long").unwrap().raw.len(), 1_000_000);
            }
            count += 1;
        }
        assert_eq!(count, 3_001);
    }
}

proptest! {
    #[test]
    fn written_and_read_again(fields in proptest::collection::btree_map("[A-Z][a-z0-9-]{0,6}", "([a-z:#]{1,6}(\n [a-z.]{1,5}){0,2}|\n [a-z]{1,3})?", 1..6)) {
        let mut paragraph = Paragraph::default();
        for (name, value) in &fields {
            paragraph.set(name, value);
        }
        let text = paragraph.to_string();
        let again = Paragraph::parse(text.as_bytes(), Limits::DOCUMENT).unwrap();
        prop_assert_eq!(again.fields(), paragraph.fields());
    }

    #[test]
    fn takes_any_bytes(text in "[Aa:# \\n\\r\\t\\-]{0,40}", step in 1_usize..5) {
        let whole = Paragraph::parse_all(text.as_bytes(), Limits::DOCUMENT);
        let mut reader = StanzaReader::new(Trickle(text.as_bytes(), step), Limits::DOCUMENT);
        let mut pieces = Vec::new();
        let result = loop {
            match reader.next() {
                Ok(Some(stanza)) => pieces.push(Paragraph::of(&stanza).unwrap()),
                Ok(None) => break Ok(pieces),
                Err(error) => break Err(error),
            }
        };
        prop_assert_eq!(format!("{whole:?}"), format!("{result:?}"));
    }
}
