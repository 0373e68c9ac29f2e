//! Looking through the memory of a running process.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// Read at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How often each needle stands in the memory of the process `id`.
#[track_caller]
pub(super) fn count(id: u32, needles: &[&[u8]]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).expect("the maps of a process of ours can be read");
    let memory = File::open(format!("/proc/{id}/mem")).expect("the memory of a process of ours can be read");
    let mut found = vec![0; needles.len()];
    let mut read_bytes = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let ends = range.split_once('-').map(|(from, to)| (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)));
        // The kernel's own pages cannot be read, and hold nothing of the process.
        let (Some((Ok(from), Ok(to))), true, false) = (ends, rights.starts_with('r'), line.contains("[v")) else {
            continue;
        };
        read_bytes += search(&memory, from, to, needles, &mut found);
    }
    assert!(read_bytes > CHUNK_BYTES, "only {read_bytes} bytes of process {id} could be read");
    found
}

/// Reads a region piece by piece, each with enough of the one before for a needle that lies across. Returns how much
/// could be read.
fn search(memory: &File, from: u64, to: u64, needles: &[&[u8]], found: &mut [usize]) -> usize {
    let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or(1);
    let mut window = Vec::new();
    let mut at = from;
    let mut total = 0;
    while at < to {
        let kept = window.len().min(longest - 1);
        window.drain(..window.len() - kept);
        let wanted = CHUNK_BYTES.min(usize::try_from(to - at).unwrap_or(CHUNK_BYTES));
        window.resize(kept + wanted, 0);
        // A page that is gone, or was never touched on a device, ends the region.
        let Ok(read @ 1..) = memory.read_at(&mut window[kept..], at) else { break };
        window.truncate(kept + read);
        for (needle, found) in needles.iter().zip(found.iter_mut()) {
            // What lies wholly in the part kept has been counted.
            let begin = kept.saturating_sub(needle.len() - 1);
            *found += occurrences(&window[begin..], needle);
        }
        at += read as u64;
        total += read;
    }
    total
}

fn occurrences(hay: &[u8], needle: &[u8]) -> usize {
    let (first, mut rest, mut count) = (needle[0], hay, 0);
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        count += usize::from(rest[at..].starts_with(needle));
        rest = &rest[at + 1..];
    }
    count
}

#[test]
fn a_needle_is_found_wherever_it_lies() {
    let needle = format!("needle-{}", super::vault::random()).into_bytes();
    let other = format!("needle-{}", super::vault::random()).into_bytes();
    // More than one piece, with the needle across the seam of two of them however the region begins.
    let mut hay = vec![0_u8; 3 * CHUNK_BYTES];
    for at in (0..hay.len() - needle.len()).step_by(CHUNK_BYTES / 8 + 13) {
        hay[at..at + needle.len()].copy_from_slice(&needle);
    }
    let placed = (0..hay.len() - needle.len()).step_by(CHUNK_BYTES / 8 + 13).count();
    let found = count(std::process::id(), &[&needle, &other]);
    // Both stand in the test's own variables once more; `other` nowhere else.
    assert!(found[0] > placed, "{} of {placed}", found[0]);
    assert!((1..=3).contains(&found[1]), "{}", found[1]);
    std::hint::black_box(hay);
}
