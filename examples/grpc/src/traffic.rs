//! Traffic between two executables, to measure what lies between them: it speaks the pipe, and is no peer.
//!
//! ```text
//!   --ping BYTES    a packet there and back, a thousand times: p ──────> --echo ──────> p
//!   --flood BYTES   as many as go through in a second:         f f f ──> --echo ──────> a, for each 64
//! ```
//! Each packet has a chunk of its own: grouping them is what a real peer does, and would hide what the front end costs.
//! `tests/ceiling.py` runs it behind the real front end, and behind the barest one that can be written.

use crate::arguments::Arguments;
use bytes::Bytes;
use rsm::pipe::{Batch, Reader, put_chunk, put_packet};
use rsm::raft::piped::log::{Level, say};
use rsm::sync::WaitError;
use rsm::sync::mpsc::{self, Receiver};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const HELLO: u8 = 0;
const PACKETS: u8 = 1;
const DRAIN: u8 = 5;

/// What a packet is for: its first byte.
const PING: u8 = b'p';
const FLOOD: u8 = b'f';
const ACK: u8 = b'a';

const WARM_UPS: usize = 200;
const ROUNDS: usize = 1_000;
/// Packets that are not acknowledged yet, at most.
const WINDOW: u64 = 4_096;
/// One acknowledgement for so many.
const ACKNOWLEDGED: u64 = 64;
const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_secs(1);
/// A packet that has not come back by then was lost: the other side is not up yet.
const LOST: Duration = Duration::from_millis(100);

/// Runs until it has measured, or until the front end leaves.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match measure(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(Level::Error, &why.to_string());
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> io::Result<()> {
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut hello = Vec::new();
    put_chunk(&mut hello, HELLO, &[b"rsm1\x01", &[arguments.id as u8], &[0; 8]]);
    out.write_all(&hello)?;
    let to = arguments.members.iter().map(|(id, _)| *id as u8).find(|id| u64::from(*id) != arguments.id);
    let to = to.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "traffic wants another member"))?;
    if arguments.echo {
        return echo(out, to);
    }
    let mut heard = listen();
    if let Some(bytes) = arguments.ping {
        ping(&mut out, to, bytes, &mut heard)?;
    }
    if let Some(bytes) = arguments.flood {
        flood(&mut out, to, bytes, &mut heard)?;
    }
    Ok(())
}

/// Appends a chunk with this packet.
fn put(out: &mut Vec<u8>, to: u8, packet: &[u8]) {
    let mut batch = Vec::with_capacity(packet.len() + 4);
    put_packet(&mut batch, packet);
    put_chunk(out, PACKETS, &[&[to], &batch]);
}

/// Hands on each packet that comes in, from a thread of its own, until the front end leaves.
fn listen() -> Receiver<Bytes> {
    let (tell, heard) = mpsc::unbounded();
    thread::spawn(move || {
        for chunk in Reader::new(io::stdin()).map_while(Result::ok).take_while(|chunk| chunk.kind != DRAIN) {
            for packet in Batch::new(chunk.rest).filter(|_| chunk.kind == PACKETS).flatten() {
                if tell.send(packet).is_err() {
                    return;
                }
            }
        }
    });
    heard
}

/// Answers what comes in, chunk by chunk, until the front end leaves.
fn echo(mut out: File, to: u8) -> io::Result<()> {
    let mut flooded = 0;
    for chunk in Reader::new(io::stdin()).map_while(Result::ok).take_while(|chunk| chunk.kind != DRAIN) {
        let mut answers = Vec::new();
        for packet in Batch::new(chunk.rest).filter(|_| chunk.kind == PACKETS).flatten() {
            flooded += u64::from(packet.first() == Some(&FLOOD));
            if packet.first() == Some(&PING) {
                put(&mut answers, to, &packet);
            } else if flooded % ACKNOWLEDGED == 0 {
                put(&mut answers, to, &[ACK]);
            }
        }
        out.write_all(&answers)?;
    }
    Ok(())
}

/// One packet there and back at a time.
fn ping(out: &mut File, to: u8, bytes: usize, heard: &mut Receiver<Bytes>) -> io::Result<()> {
    let mut packet = vec![PING; bytes.max(9)];
    let (mut took, mut number) = (Vec::new(), 0u64);
    while took.len() < WARM_UPS + ROUNDS {
        number += 1;
        packet[1..9].copy_from_slice(&number.to_le_bytes());
        let mut chunk = Vec::new();
        put(&mut chunk, to, &packet);
        let began = Instant::now();
        out.write_all(&chunk)?;
        loop {
            match heard.recv_timeout(LOST) {
                Ok(back) if back == packet => break took.push(began.elapsed()),
                Ok(_late) => {}
                Err(WaitError::TimedOut) => break,
                Err(WaitError::Closed) => return Err(left()),
            }
        }
    }
    let mut took = took.split_off(WARM_UPS);
    took.sort_unstable();
    let [p50, p99] = [ROUNDS / 2, ROUNDS * 99 / 100].map(|at| took[at].as_micros());
    say(Level::Info, &format!("ping {bytes} B: p50 {p50} us, p99 {p99} us"));
    Ok(())
}

/// As many packets as are acknowledged in a second.
fn flood(out: &mut File, to: u8, bytes: usize, heard: &mut Receiver<Bytes>) -> io::Result<()> {
    let mut some = Vec::new();
    (0..ACKNOWLEDGED).for_each(|_| put(&mut some, to, &vec![FLOOD; bytes]));
    let (mut free, mut counted, mut began) = (WINDOW, 0, None);
    let start = Instant::now();
    let rate = loop {
        let groups = free / ACKNOWLEDGED;
        out.write_all(&some.repeat(groups as usize))?;
        free %= ACKNOWLEDGED;
        let acks = heard.take().map_err(|_| left())?.filter(|packet| packet[..] == [ACK]).count();
        free += acks as u64 * ACKNOWLEDGED;
        counted += acks as u64 * ACKNOWLEDGED;
        let since = *began.get_or_insert_with(|| start + WARM_UP);
        match Instant::now().checked_duration_since(since) {
            None => counted = 0,
            Some(passed) if MEASURED <= passed => break counted as f64 / passed.as_secs_f64(),
            Some(_) => {}
        }
    };
    say(Level::Info, &format!("flood {bytes} B: {rate:.0} packets/s"));
    Ok(())
}

fn left() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the front end has left")
}
