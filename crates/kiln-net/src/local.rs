//! One attempt at a local mirror: plain reads of a regular file.

use std::io::SeekFrom;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::error::Outcome;
use crate::rounds::{Failure, Meter, Reply, Wanted};
use crate::sink::DownloadSink;

const BUFFER: usize = 256 * 1024;

/// Reads a file from `start` on into the sink.
pub(crate) async fn transfer(
    path: &Path,
    start: u64,
    wanted: &Wanted<'_>,
    sink: &mut dyn DownloadSink,
    meter: &mut Meter<'_>,
) -> Result<Reply, Failure> {
    // Looked at before it is opened: opening a named pipe would wait for its other end.
    let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::never(Outcome::Failed(
            "not a regular file".to_owned(),
        )));
    }
    wanted.accepts_size(metadata.len())?;
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    file.seek(SeekFrom::Start(start))
        .await
        .map_err(unreadable)?;
    let mut position = start;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = file.read(&mut buffer).await.map_err(unreadable)?;
        if count == 0 {
            break;
        }
        let after = position.saturating_add(count as u64);
        wanted.accepts_more(after)?;
        sink.write(buffer.get(..count).unwrap_or_default())?;
        position = after;
        meter.reached(position);
    }
    wanted.accepts_end(position)?;
    Ok(Reply::default())
}

fn unreadable(error: std::io::Error) -> Failure {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    Failure::never(match error.kind() {
        NotFound | NotADirectory => Outcome::NotFound,
        _ => Outcome::Failed(error.to_string()),
    })
}
