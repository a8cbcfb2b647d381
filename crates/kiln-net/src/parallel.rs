//! Several things at once, on the caller's task.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

/// Runs `run` for every item, at most `limit` at once; the results stand in the order of the
/// items. Nothing is spawned: everything goes on inside the future that this returns, and stops
/// when it is dropped.
pub async fn in_parallel<T, R, F>(limit: usize, items: Vec<T>, run: F) -> Vec<R>
where
    F: AsyncFn(T) -> R,
{
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = async || {
        let mut results = Vec::new();
        while let Some((index, item)) = next() {
            results.push((index, run(item).await));
        }
        results
    };
    let mut workers: Vec<_> = (0..limit.clamp(1, count.max(1)))
        .map(|_| Some(Box::pin(work())))
        .collect();
    let mut results = Vec::with_capacity(count);
    poll_fn(|context| {
        for slot in &mut workers {
            if let Some(worker) = slot
                && let Poll::Ready(done) = Pin::as_mut(worker).poll(context)
            {
                results.extend(done);
                *slot = None;
            }
        }
        if workers.iter().all(Option::is_none) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
