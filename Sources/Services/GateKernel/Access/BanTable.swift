import GateAccess
import GateModel
import GateStore
import Synchronization

/// Who is banned, as the accept path and handshakes ask it: at once and without the database.
///
/// One per worker; `KernelFeed` keeps it as the database has it, at most `StoreLimit.bans` given and as many earned. Bans
/// end by themselves: every question says what time it is.
final class BanTable: Sendable {
    private struct State {
        var list = BanList()
        var countsEarned = NodeSettings.reputationEnabled.fallback
    }

    private let state = Mutex(State())

    /// Settings changed.
    func use(_ values: NodeSettingValues) {
        state.withLock { $0.countsEarned = values[NodeSettings.reputationEnabled] }
    }

    /// Puts all bans in place of those before.
    func fill(_ bans: [BanRow], at now: UnixTime) {
        var list = BanList()
        for ban in bans { list.set(ban, at: now) }
        state.withLock { $0.list = list }
    }

    /// What the database has of one subject now; `nil`: no ban.
    func use(_ ban: BanRow?, of subject: AccessSubject, at now: UnixTime) {
        state.withLock { state in
            if let ban { state.list.set(ban, at: now) } else { state.list.lift(subject) }
        }
    }

    func bans(_ node: NodeUUID, at now: UnixTime) -> Bool {
        state.withLock { $0.list.bans(node, at: now, countingEarned: $0.countsEarned) }
    }

    func bans(_ address: IPAddress, at now: UnixTime) -> Bool {
        state.withLock { $0.list.bans(address, at: now, countingEarned: $0.countsEarned) }
    }
}

extension BanList {
    fileprivate mutating func set(_ ban: BanRow, at now: UnixTime) {
        set(ban.subject, Term(until: ban.until, isEarned: ban.isEarned), at: now)
    }
}
