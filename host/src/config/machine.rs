//! The processors and the memory that the host may use, as its control group (Linux's cgroup, version 2 or 1) limits
//! them.
//!
//! A group's limits also hold for the groups within it, so the groups above the host's own are read as well. Within a
//! container, often only the host's own group is visible, at the root of the mount.

use std::fmt;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

/// The mount point of control groups.
const GROUPS: &str = "sys/fs/cgroup";

/// The resources that the host may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Processors, in fractions.
    pub processors: Share<f64>,
    /// Memory, in bytes.
    pub memory: Share<u64>,
}

/// An amount of a resource, and whether a control group limits it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share<T> {
    /// The amount.
    pub value: T,
    /// Whether a control group allows less than the machine has.
    pub is_limited: bool,
}

impl Machine {
    /// Reads the limits below `root`, which is `/` except in tests. `threads` is the number of threads that the machine
    /// runs at once, in whole numbers, after the same limits. Where no limit can be read, as on systems other than
    /// Linux, memory counts as unlimited.
    pub(super) fn read(root: &Path, threads: NonZero<usize>) -> Self {
        let groups = groups(root);
        let quota = groups.iter().filter_map(Group::processors).min_by(f64::total_cmp);
        let limit = groups.iter().filter_map(Group::memory).min();
        #[expect(clippy::cast_precision_loss, reason = "no machine has so many processors")]
        let threads = threads.get() as f64;
        let whole = memory(root).unwrap_or(u64::MAX);
        Self {
            // A quota of 1.5 processors gives a single thread. If there are fewer threads than the quota, another limit
            // applies.
            processors: Share::of(threads, quota.filter(|quota| *quota < threads + 1.0)),
            memory: Share::of(whole, limit.filter(|limit| *limit < whole)),
        }
    }
}

impl<T> Share<T> {
    fn of(whole: T, limit: Option<T>) -> Self {
        let is_limited = limit.is_some();
        Self {
            value: limit.unwrap_or(whole),
            is_limited,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |is_limited| {
            if is_limited {
                "by the cgroup's limit"
            } else {
                "of the machine"
            }
        };
        let (processors, memory) = (self.processors, self.memory);
        write!(
            formatter,
            "{} processors {}, {} {}",
            processors.value,
            of(processors.is_limited),
            ByteSize(memory.value).display().iec(),
            of(memory.is_limited)
        )
    }
}

/// The machine's whole memory.
fn memory(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The folder of a control group.
enum Group {
    /// A group of version 2, which has every limit.
    Unified(PathBuf),
    /// A group of version 1, with the limits of some controllers.
    Legacy(PathBuf),
}

impl Group {
    /// How many processors the group may use, if limited.
    fn processors(&self) -> Option<f64> {
        let (quota, period) = match self {
            Self::Unified(folder) => {
                let text = read(folder, "cpu.max")?;
                let (quota, period) = text.split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
            Self::Legacy(folder) => (
                read(folder, "cpu.cfs_quota_us")?,
                read(folder, "cpu.cfs_period_us")?,
            ),
        };
        // Without a limit the quota is "max" or -1.
        let (quota, period): (u32, u32) = (quota.parse().ok()?, period.parse().ok()?);
        (quota > 0 && period > 0).then(|| f64::from(quota) / f64::from(period))
    }

    /// How many bytes the group may use, if limited: "max", or more than any machine has, means no limit.
    fn memory(&self) -> Option<u64> {
        match self {
            Self::Unified(folder) => read(folder, "memory.max")?.parse().ok(),
            Self::Legacy(folder) => read(folder, "memory.limit_in_bytes")?.parse().ok(),
        }
    }
}

fn read(folder: &Path, file: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(file)).ok()?.trim().to_owned())
}

/// The host's own groups and those above them.
fn groups(root: &Path) -> Vec<Group> {
    let membership = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mount = root.join(GROUPS);
    let mut groups = Vec::new();
    for line in membership.lines() {
        // hierarchy:controllers:path, see cgroups(7); version 2 names no controllers.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if controllers.is_empty() {
            groups.extend(and_above(&mount, path).map(Group::Unified));
        }
        for controller in controllers
            .split(',')
            .filter(|name| ["cpu", "memory"].contains(name))
        {
            groups.extend(and_above(&mount.join(controller), path).map(Group::Legacy));
        }
    }
    groups
}

/// The folder of the group at `path`, and those above it, up to the mount point.
fn and_above(mount: &Path, path: &str) -> impl Iterator<Item = PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    let folders: Vec<_> = own
        .ancestors()
        .take_while(|folder| folder.starts_with(mount))
        .map(Path::to_owned)
        .collect();
    folders.into_iter()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use tempfile::TempDir;

    use super::*;

    const MIB: u64 = 1024 * 1024;
    const MEMORY: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:        123 kB\n",
    );

    /// The machine that is read from these files.
    fn machine(files: &[(&str, &str)]) -> Machine {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Machine::read(root.path(), NonZero::new(4).unwrap())
    }

    fn limited<T>(value: T) -> Share<T> {
        Share {
            value,
            is_limited: true,
        }
    }

    #[test]
    fn a_pod_sees_its_limits_at_the_root_of_version_2() {
        let machine = machine(&[
            MEMORY,
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ("sys/fs/cgroup/memory.max", "536870912\n"),
        ]);
        assert_eq!(
            machine,
            Machine {
                processors: limited(0.5),
                memory: limited(512 * MIB)
            }
        );
        assert_eq!(
            machine.to_string(),
            "0.5 processors by the cgroup's limit, 512.0 MiB by the cgroup's limit"
        );
    }

    #[test]
    fn the_smallest_limit_on_the_way_up_counts() {
        let machine = machine(&[
            MEMORY,
            ("proc/self/cgroup", "0::/kubepods/burstable/pod\n"),
            ("sys/fs/cgroup/kubepods/burstable/pod/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/kubepods/burstable/pod/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/kubepods/burstable/cpu.max", "450000 100000\n"),
            ("sys/fs/cgroup/kubepods/memory.max", "268435456\n"),
        ]);
        assert_eq!(
            machine,
            Machine {
                processors: limited(4.5),
                memory: limited(256 * MIB)
            }
        );
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each_controller() {
        let machine = machine(&[
            MEMORY,
            (
                "proc/self/cgroup",
                "4:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc\n0::/docker/abc\n",
            ),
            (
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
                "134217728\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "600000\n"),
            ("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n"),
        ]);
        // The affinity allows fewer processors than the quota.
        let processors = Share {
            value: 4.0,
            is_limited: false,
        };
        assert_eq!(
            machine,
            Machine {
                processors,
                memory: limited(128 * MIB)
            }
        );
    }

    #[test]
    fn a_version_1_container_that_sees_only_its_own_group_finds_it_at_the_root() {
        let machine = machine(&[
            MEMORY,
            (
                "proc/self/cgroup",
                "4:memory:/not/mounted/here\n3:cpu:/not/mounted/here\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(
            machine,
            Machine {
                processors: limited(0.5),
                memory: limited(128 * MIB)
            }
        );
    }

    #[test]
    fn without_limits_the_machine_is_all_there_is() {
        let whole = Machine {
            processors: Share {
                value: 4.0,
                is_limited: false,
            },
            memory: Share {
                value: 16384 * MIB,
                is_limited: false,
            },
        };
        assert_eq!(machine(&[MEMORY]), whole);
        let unlimited = machine(&[
            MEMORY,
            ("proc/self/cgroup", "4:memory:/\n3:cpu:/\n0::/\nnonsense\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(unlimited, whole);
        assert_eq!(
            whole.to_string(),
            "4 processors of the machine, 16.0 GiB of the machine"
        );
    }

    #[test]
    fn where_there_is_nothing_to_read_memory_is_plenty() {
        assert_eq!(
            machine(&[]).memory,
            Share {
                value: u64::MAX,
                is_limited: false
            }
        );
    }
}
