//! The seal of a stored profile: a digest of the whole file, checked before anything in it is parsed.
//!
//! PAR1 pages | mark, digest | footer, its length, PAR1: Parquet names places from the start of the file, so that other readers
//! pass over the seal. Parquet itself guards neither names against a flipped bit nor its reader against a damaged length, which
//! ends the process. The seal tells damage, not forgery: a profile is as trustworthy as who stored it.

/// What stands before the digest.
const MARK: &[u8] = b"tightfit-blake3:";

/// The length of a BLAKE3 digest in bytes.
const DIGEST_BYTES: usize = 32;

/// The footer's length and `PAR1`.
const TAIL_BYTES: usize = 8;

/// The same Parquet file with its seal; `None` when these bytes are no Parquet file.
pub(super) fn close(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (pages, footer) = bytes.split_at_checked(footer_at(&bytes)?)?;
    let mut sealed = Vec::with_capacity(bytes.len() + MARK.len() + DIGEST_BYTES);
    sealed.extend_from_slice(pages);
    sealed.extend_from_slice(MARK);
    sealed.extend_from_slice(digest(pages, footer).as_bytes());
    sealed.extend_from_slice(footer);
    Some(sealed)
}

/// Whether the file is as it was sealed; `None` when it bears no seal.
pub(super) fn check(bytes: &[u8]) -> Option<bool> {
    let (before, footer) = bytes.split_at_checked(footer_at(bytes)?)?;
    let (before, found) = before.split_at_checked(before.len().checked_sub(DIGEST_BYTES)?)?;
    let pages = before.strip_suffix(MARK)?;
    Some(digest(pages, footer).as_bytes() == found)
}

fn digest(pages: &[u8], footer: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(pages).update(footer).finalize()
}

/// Where the footer begins.
fn footer_at(bytes: &[u8]) -> Option<usize> {
    let tail = bytes.get(bytes.len().checked_sub(TAIL_BYTES)?..)?;
    let length = u32::from_le_bytes(tail.get(..4)?.try_into().ok()?);
    bytes.len().checked_sub(TAIL_BYTES)?.checked_sub(usize::try_from(length).ok()?)
}
