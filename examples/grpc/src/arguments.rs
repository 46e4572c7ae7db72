//! What the front end says at the start.

use rsm::raft::piped::log::Level;
use std::ffi::OsString;
use std::path::PathBuf;

const USAGE: &str = "\
The executable behind peer.py: a peer of a replicated key-value map that speaks on stdin and stdout (docs/pipe.md).

  --id ID                       which of the members it is
  --members ID=HOST:PORT,..     all of them
  --dir DIR                     where its data lies
  --snapshot-every N            entries between snapshots (10000)
  --log-level LEVEL             error, warn, info or debug (info)
  --first-boot INCARNATION      vouches that this directory, whose log names it, is the first";

/// The settings of a peer.
#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) id: u64,
    pub(crate) members: Vec<(u64, String)>,
    pub(crate) dir: PathBuf,
    pub(crate) snapshot_every: u64,
    pub(crate) log_level: Level,
    pub(crate) first_boot: Option<u64>,
    /// Traffic for measurements, instead of a peer: the sizes of packets, if asked for.
    pub(crate) echo: bool,
    pub(crate) ping: Option<usize>,
    pub(crate) flood: Option<usize>,
}

impl Arguments {
    /// Reads them; an error is one line that says what to do, or the usage.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
        let (mut id, mut members, mut dir) = (None, None, None);
        let (mut snapshot_every, mut log_level, mut first_boot) = (10_000, Level::Info, None);
        let (mut echo, mut ping, mut flood) = (false, None, None);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let name = word.to_string_lossy().into_owned();
            match &name[..] {
                "--help" => return Err(USAGE.into()),
                "--echo" => {
                    echo = true;
                    continue;
                }
                _ => {}
            }
            let value = words.next().ok_or(format!("{name} wants a value; see --help"))?;
            if name == "--dir" {
                dir = Some(PathBuf::from(value));
                continue;
            }
            let value = value.into_string().map_err(|_| format!("{name} wants text; see --help"))?;
            let wrong = || format!("{name} cannot be {value}; see --help");
            match &name[..] {
                "--id" => id = Some(value.parse().map_err(|_| wrong())?),
                "--members" => members = Some(members_of(&value).ok_or_else(wrong)?),
                "--snapshot-every" => {
                    snapshot_every = value.parse().ok().filter(|&entries| 0 < entries).ok_or_else(wrong)?;
                }
                "--log-level" => log_level = Level::of(&value).ok_or_else(wrong)?,
                "--first-boot" => first_boot = Some(u64::from_str_radix(&value, 16).map_err(|_| wrong())?),
                "--ping" => ping = Some(value.parse().ok().filter(|&bytes| 0 < bytes).ok_or_else(wrong)?),
                "--flood" => flood = Some(value.parse().ok().filter(|&bytes| 0 < bytes).ok_or_else(wrong)?),
                _ => return Err(format!("{name} is unknown; see --help")),
            }
        }
        let missing = |name| format!("{name} is missing; see --help");
        Ok(Arguments {
            id: id.ok_or_else(|| missing("--id"))?,
            members: members.ok_or_else(|| missing("--members"))?,
            dir: dir.ok_or_else(|| missing("--dir"))?,
            snapshot_every,
            log_level,
            first_boot,
            echo,
            ping,
            flood,
        })
    }
}

/// `0=127.0.0.1:4000,1=127.0.0.1:4001`
fn members_of(list: &str) -> Option<Vec<(u64, String)>> {
    list.split(',')
        .map(|member| {
            let (id, address) = member.split_once('=')?;
            (!address.is_empty()).then_some((id.parse().ok()?, address.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        Arguments::read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn what_the_front_end_says_is_understood() {
        let least = read("--id 1 --members 0=a:1,1=b:2 --dir data/1").expect("the least");
        let expected = Arguments {
            id: 1,
            members: vec![(0, "a:1".into()), (1, "b:2".into())],
            dir: "data/1".into(),
            snapshot_every: 10_000,
            log_level: Level::Info,
            first_boot: None,
            echo: false,
            ping: None,
            flood: None,
        };
        assert_eq!(least, expected);
        let most = "--id 1 --members 0=a:1,1=b:2 --dir data/1 --snapshot-every 7 --log-level debug --first-boot 00fa";
        let expected = Arguments { snapshot_every: 7, log_level: Level::Debug, first_boot: Some(0xfa), ..expected };
        assert_eq!(read(most), Ok(expected));
    }

    #[test]
    fn what_cannot_be_is_refused_in_one_line() {
        let cases = [
            ("--id 1 --members 0=a:1", "--dir is missing; see --help"),
            ("--id", "--id wants a value; see --help"),
            ("--id one", "--id cannot be one; see --help"),
            ("--members 0:a", "--members cannot be 0:a; see --help"),
            ("--members 0=", "--members cannot be 0=; see --help"),
            ("--snapshot-every 0", "--snapshot-every cannot be 0; see --help"),
            ("--log-level loud", "--log-level cannot be loud; see --help"),
            ("--first-boot xyz", "--first-boot cannot be xyz; see --help"),
            ("--color red", "--color is unknown; see --help"),
        ];
        for (line, says) in cases {
            assert_eq!(read(line), Err(says.into()));
        }
    }
}
