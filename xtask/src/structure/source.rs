//! Rust sources as far as the checks need them: without comments, the contents of literals, and
//! what is compiled for tests only. Lines keep their numbers.

/// The source with comments and the contents of string and character literals made blank.
#[must_use]
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => find(bytes, at, b"\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !follows_word(bytes, at) || raw_prefix(bytes, at) => {
                match raw_string(bytes, at) {
                    Some(end) => end,
                    None => {
                        at += 1;
                        continue;
                    }
                }
            }
            b'\'' => match character_end(bytes, at) {
                Some(end) => end,
                None => {
                    at += 1;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    bytes[from..]
        .windows(needle.len())
        .position(|window| window == needle)
        .map_or(bytes.len(), |offset| from + offset)
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

/// Whether the `r` here belongs to `br"` or `cr"`.
fn raw_prefix(bytes: &[u8], at: usize) -> bool {
    at > 0 && matches!(bytes[at - 1], b'b' | b'c') && !follows_word(bytes, at - 1)
}

fn raw_string(bytes: &[u8], from: usize) -> Option<usize> {
    let hashes = bytes[from + 1..].iter().take_while(|&&b| b == b'#').count();
    if bytes.get(from + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.extend(std::iter::repeat_n(b'#', hashes));
    let end = find(bytes, from + 2 + hashes, &close) + close.len();
    Some(end.min(bytes.len()))
}

/// The end of a character literal; `None` for a lifetime.
fn character_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = &bytes[from + 1..];
    if rest.first() == Some(&b'\\') {
        return Some((find(bytes, from + 3, b"'") + 1).min(bytes.len()));
    }
    let text = std::str::from_utf8(&rest[..rest.len().min(5)]);
    let text = match &text {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or(""),
    };
    let first = text.chars().next()?;
    (rest.get(first.len_utf8()) == Some(&b'\'')).then(|| from + 2 + first.len_utf8())
}

/// [`code`] without the items under `#[cfg(test)]`, and the names of the modules that such items
/// keep in other files.
#[must_use]
pub fn product_code(text: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code(text);
    let mut modules = Vec::new();
    let mut from = 0;
    while let Some(offset) = code[from..].find(MARK) {
        let start = from + offset;
        let body = start + MARK.len();
        let end = item_end(&code[body..]) + body;
        let item = &code[body..end];
        if let Some(name) = outside_module(item) {
            modules.push(name.to_owned());
        }
        let blank: String = code[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        from = start + blank.len();
        code.replace_range(start..end, &blank);
    }
    (code, modules)
}

/// The length of the item that begins here: up to its `;` or the end of its braces.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    let mut round = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b';' if depth == 0 && round == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// `name` of an item `mod name;`.
fn outside_module(item: &str) -> Option<&str> {
    let item = item.strip_suffix(';')?;
    let mut words = item.split_whitespace().rev();
    let name = words.next()?;
    (words.next() == Some("mod")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x\\\"y\") g", "f(      ) g"),
            ("f(r#\"x\"y\"#) g", "f(        ) g"),
            ("f(br\"x\") g", "f(b    ) g"),
            ("let c = 'x'; 'a: loop", "let c =    ; 'a: loop"),
            ("let c = '\\''; x", "let c =     ; x"),
            ("let c = '\"'; x", "let c =    ; x"),
            ("for x in y", "for x in y"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code("let c = 'é'; x"), "let c =     ; x");
    }

    #[test]
    fn items_for_tests_are_blank() {
        let (code, modules) = product_code(
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { if x { } } }\nfn c() {}\n#[cfg(test)]\nmod d;\n",
        );
        assert!(code.contains("fn a()") && code.contains("fn c()"));
        assert!(!code.contains("fn b()"));
        assert_eq!(modules, ["d"]);
        assert_eq!(code.lines().count(), 6);
    }
}
