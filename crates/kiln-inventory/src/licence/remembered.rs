//! What names of licences mean, remembered: the same few stand in hundreds of files and documents, and
//! an expression costs more to parse than all else that is done with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::thread::LocalKey;

/// Names that are remembered, and bytes of the longest.
const MOST: usize = 2_000;
const LONGEST: usize = 500;

/// What was answered before, by what was asked. Each thread has its own.
pub(super) type Answers = RefCell<HashMap<String, Option<String>>>;

/// What `answer` says of a text, which must depend on nothing else.
pub(super) fn recall(
    answers: &'static LocalKey<Answers>,
    text: &str,
    answer: impl FnOnce(&str) -> Option<String>,
) -> Option<String> {
    if text.len() > LONGEST {
        return answer(text);
    }
    if let Some(known) = answers.with_borrow(|answers| answers.get(text).cloned()) {
        return known;
    }
    let said = answer(text);
    answers.with_borrow_mut(|answers| {
        if answers.len() < MOST {
            answers.insert(text.to_owned(), said.clone());
        }
    });
    said
}
