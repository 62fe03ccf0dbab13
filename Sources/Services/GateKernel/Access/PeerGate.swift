import GateAccess
import GateModel
import GateSession
import GateStore
import Synchronization

/// Decides on the accept path, before a byte is read, whether a connection is worth a handshake.
///
/// One per worker, for all its loops: a lock around counts and look-ups in memory, nothing else. Who is turned away sees
/// the connection closed and nothing more.
final class PeerGate: Sendable {
    /// Why a connection got no handshake, in the words of `status` and logs.
    enum Refusal: String, Sendable, CaseIterable {
        case filtered = "its address is in a denied block ('access filter')"
        case banned = "its address is banned ('bans list' says since when, until when and why)"
        case penalized = "its address has penalties to wait for (too many attempts or failures)"
        case crowded = "too many handshakes are under way (settings handshake.half-open-maximum, .per-address-maximum)"
        case full = "the worker holds as many sessions as it may (setting sessions.maximum)"
        case subnet = "its network holds as many connections as it may (settings sessions.per-ipv4-subnet, -ipv6-)"
        case draining = "the worker is draining"
        case bypassing = "it did not come through a balancer (setting peers.proxyFrom)"
        case headerless = "it began with no PROXY header of version 2 that names its client (setting peers.proxyFrom)"

        /// The value of the label `reason` in metrics.
        var label: String {
            switch self {
            case .filtered: "filtered"
            case .banned: "banned"
            case .penalized: "penalized"
            case .crowded: "crowded"
            case .full: "full"
            case .subnet: "subnet"
            case .draining: "draining"
            case .bypassing: "bypassing"
            case .headerless: "headerless"
            }
        }
    }

    private struct State {
        var limiter = AttemptLimiter(settings: AttemptSettings())
        var filter = AddressFilter()
        var subnets = SubnetLimiter()
        var sessionsMaximum = NodeSettings.sessionsMaximum.fallback
        var isDraining = false
        /// Whether the worker drains for good.
        var isStopping = false
        var halfOpenMaximum = AttemptSettings().halfOpenTotal
        var headersAwaited = 0
        var notesBegan: MonotonicInstant?
        var noteCount = 0
    }

    /// Who puts a PROXY header before each connection; empty: nobody, peers connect themselves.
    private let balancers: [AddressBlock]
    private let state = Mutex(State())
    private let bans: BanTable

    /// Connections turned away that are written down in each ``notesInterval``; the others are counted only, so that a
    /// flood costs no writes.
    static let notesMax = 10
    /// See ``notesMax``.
    static let notesInterval = Duration.seconds(1)

    init(bans: BanTable = BanTable(), balancers: [AddressBlock] = []) {
        self.bans = bans
        self.balancers = balancers
    }

    /// A connection came in while so many sessions stand. `nil`: go on; call ``ended(_:)`` when its handshake is over,
    /// either way, and ``left(_:)`` when the connection is.
    func attempted(
        from address: IPAddress, sessionCount: Int, at now: MonotonicInstant, wall: UnixTime
    ) -> Refusal? {
        let isBanned = bans.bans(address, at: wall)
        return state.withLock { state in
            guard !state.isDraining else { return .draining }
            guard state.filter.allows(address) else { return .filtered }
            guard !isBanned else { return .banned }
            guard sessionCount < state.sessionsMaximum else { return .full }
            guard !state.subnets.isFull(address) else { return .subnet }
            switch state.limiter.attempted(from: address, at: now) {
            case .accepted:
                state.subnets.entered(address)
                return nil
            case .penalized: return .penalized
            case .crowded: return .crowded
            }
        }
    }

    /// Whether connections come through balancers, and tell by a header from where.
    var awaitsHeaders: Bool { !balancers.isEmpty }

    /// A connection came in that is to begin with a balancer's header. `nil`: wait for it, and call ``headerEnded()``
    /// when it is there or will not come. As many may wait as handshakes may be under way.
    func balancerConnected(from address: IPAddress) -> Refusal? {
        guard balancers.contains(where: { $0.contains(address) }) else { return .bypassing }
        return state.withLock { state in
            guard state.headersAwaited < state.halfOpenMaximum else { return .crowded }
            state.headersAwaited += 1
            return nil
        }
    }

    /// See ``balancerConnected(from:)``.
    func headerEnded() { state.withLock { $0.headersAwaited -= 1 } }

    /// A handshake that was let in is over.
    func ended(_ address: IPAddress) { state.withLock { $0.limiter.ended(address) } }

    /// A connection that was let in has ended.
    func left(_ address: IPAddress) { state.withLock { $0.subnets.left(address) } }

    /// Charges an address for how its connection ended, where that costs.
    func charge(_ address: IPAddress, for failure: SessionFailure, at now: MonotonicInstant) {
        guard let fault = AddressFault(failure) else { return }
        state.withLock { $0.limiter.charged(address, fault, at: now) }
    }

    /// Whether the filter and the bans let an address connect; asked again for open sessions when they change.
    func allows(_ address: IPAddress, at wall: UnixTime) -> Bool {
        !bans.bans(address, at: wall) && state.withLock { $0.filter.allows(address) }
    }

    /// Networks that hold connections.
    var networkCount: Int { state.withLock { $0.subnets.networkCount } }

    /// Handshakes under way that others began.
    var halfOpenCount: Int { state.withLock { $0.limiter.halfOpenCount } }

    /// Whether the worker takes no new peers.
    var isDraining: Bool { state.withLock(\.isDraining) }

    /// Takes no new peers any more, whatever is said later.
    func stop() {
        state.withLock { state in
            state.isStopping = true
            state.isDraining = true
        }
    }

    /// Takes no new peers from now on, or takes them again; `true` if that is a change.
    func setDraining(_ isDraining: Bool) -> Bool {
        state.withLock { state in
            guard !state.isStopping else { return false }
            defer { state.isDraining = isDraining }
            return state.isDraining != isDraining
        }
    }

    func use(_ values: NodeSettingValues) {
        state.withLock { state in
            state.limiter.settings.freeAttempts = values[NodeSettings.handshakeFreeAttempts]
            state.limiter.settings.halfOpenPerAddress = values[NodeSettings.handshakePerAddress]
            state.limiter.settings.halfOpenTotal = values[NodeSettings.handshakeHalfOpen]
            state.subnets.ipv4Maximum = values[NodeSettings.sessionsPerIPv4Subnet]
            state.subnets.ipv6Maximum = values[NodeSettings.sessionsPerIPv6Subnet]
            state.halfOpenMaximum = values[NodeSettings.handshakeHalfOpen]
            state.sessionsMaximum = values[NodeSettings.sessionsMaximum]
        }
    }

    func use(_ rules: [AddressRule]) {
        var filter = AddressFilter()
        for rule in rules { filter.insert(rule.prefix, length: rule.length, isAllowed: rule.isAllowed) }
        state.withLock { $0.filter = filter }
    }

    /// Whether one more connection that was turned away is written down now; counts it if so.
    func mayNote(at now: MonotonicInstant) -> Bool {
        state.withLock { state in
            if state.notesBegan.map({ now - $0 >= PeerGate.notesInterval }) ?? true {
                state.notesBegan = now
                state.noteCount = 0
            }
            state.noteCount += 1
            return state.noteCount <= PeerGate.notesMax
        }
    }
}

extension AddressFault {
    /// What a connection's end costs its address; `nil` where it costs nothing. Faults inside what authenticated are
    /// the node's, not the address's.
    fileprivate init?(_ failure: SessionFailure) {
        switch failure {
        case .unintelligible: self = .unintelligible
        case .handshakeTimedOut: self = .timeout
        case .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard, .certificateRefused:
            self = .handshake
        case .notAdmitted: self = .refused
        case .recordRefused: self = .record
        case .protocolViolation, .limitExceeded, .idle, .keyUpdateTimedOut, .closedByPeer, .closed: return nil
        }
    }
}
