//! The writer for several threads.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::block::{compress, window};
use super::{BLOCK, Segment, SegmentWriter};

/// Compresses what is written to it into one segment, on several threads, with the very bytes that
/// [`SegmentWriter`] makes.
///
/// At most two blocks a thread are under way, which bounds the memory: about 2 MiB a thread.
/// [`finish`](Self::finish) must be called; what is dropped without it is lost.
pub struct ParallelSegmentWriter<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Serial(Box<SegmentWriter<W>>),
    Parallel(Box<Pool<W>>),
}

struct Pool<W: Write> {
    out: W,
    block: Vec<u8>,
    dictionary: Vec<u8>,
    /// Results in the order of the input.
    under_way: VecDeque<Receiver<io::Result<Done>>>,
    most_under_way: usize,
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// Buffers to be used again.
    spare: Vec<Buffers>,
    segment: Segment,
}

#[derive(Default)]
struct Buffers {
    dictionary: Vec<u8>,
    block: Vec<u8>,
    compressed: Vec<u8>,
}

struct Job {
    buffers: Buffers,
    answer: SyncSender<io::Result<Done>>,
}

struct Done {
    segment: Segment,
    buffers: Buffers,
}

impl<W: Write> ParallelSegmentWriter<W> {
    /// A writer of a segment at a level from 0 (stored) to 9, on so many threads; none or one mean
    /// the caller's own.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn new(out: W, level: u32, threads: usize) -> io::Result<Self> {
        if threads <= 1 {
            return Ok(Self(Inner::Serial(Box::new(SegmentWriter::new(
                out, level,
            )))));
        }
        let (jobs, queue) = sync_channel::<Job>(threads * 2);
        let queue = Arc::new(Mutex::new(queue));
        let mut pool = Pool {
            out,
            block: Vec::new(),
            dictionary: Vec::new(),
            under_way: VecDeque::new(),
            most_under_way: threads * 2,
            jobs: Some(jobs),
            threads: Vec::new(),
            spare: Vec::new(),
            segment: Segment::default(),
        };
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name("deflate".to_owned())
                .spawn(move || work(level, &queue))?;
            pool.threads.push(thread);
        }
        Ok(Self(Inner::Parallel(Box::new(pool))))
    }

    /// Compresses the rest and ends the segment.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(self) -> io::Result<(Segment, W)> {
        match self.0 {
            Inner::Serial(writer) => writer.finish(),
            Inner::Parallel(pool) => pool.finish(),
        }
    }
}

/// What a thread does until there are no more jobs.
fn work(level: u32, queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            mut buffers,
            answer,
        }) = job
        else {
            return;
        };
        let result = compress(
            level,
            &buffers.dictionary,
            &buffers.block,
            &mut buffers.compressed,
        )
        .map(|segment| Done { segment, buffers });
        // Nobody waits for it when the writer was dropped.
        let _ = answer.send(result);
    }
}

impl<W: Write> Pool<W> {
    fn submit(&mut self) -> io::Result<()> {
        if self.under_way.len() == self.most_under_way {
            self.collect()?;
        }
        let mut buffers = self.spare.pop().unwrap_or_default();
        std::mem::swap(&mut buffers.block, &mut self.block);
        std::mem::swap(&mut buffers.dictionary, &mut self.dictionary);
        self.block.clear();
        self.dictionary.clear();
        self.dictionary.extend_from_slice(window(&buffers.block));
        let (answer, result) = sync_channel(1);
        let gone = || io::Error::other("the compressing threads are gone");
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(Job { buffers, answer })
            .map_err(|_| gone())?;
        self.under_way.push_back(result);
        Ok(())
    }

    /// Writes the oldest block that is under way.
    fn collect(&mut self) -> io::Result<()> {
        let Some(result) = self.under_way.pop_front() else {
            return Ok(());
        };
        let done = result
            .recv()
            .map_err(|_| io::Error::other("a compressing thread is gone"))??;
        self.out.write_all(&done.buffers.compressed)?;
        self.segment = self.segment.followed_by(&done.segment);
        self.spare.push(done.buffers);
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Segment, W)> {
        if !self.block.is_empty() {
            self.submit()?;
        }
        while !self.under_way.is_empty() {
            self.collect()?;
        }
        self.jobs = None;
        for thread in self.threads.drain(..) {
            thread
                .join()
                .map_err(|_| io::Error::other("a compressing thread failed"))?;
        }
        Ok((self.segment, self.out))
    }
}

impl<W: Write> Write for ParallelSegmentWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let pool = match &mut self.0 {
            Inner::Serial(writer) => return writer.write(bytes),
            Inner::Parallel(pool) => pool,
        };
        let taken = bytes.len().min(BLOCK - pool.block.len());
        pool.block
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if pool.block.len() == BLOCK {
            pool.submit()?;
        }
        Ok(taken)
    }

    /// Does nothing: a flush in the middle would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
