import GateAccess
import GateCrypto
import GateModel
import GateSession
import GateStore
import GateTransport
import NIOCore

/// What everything on one event loop of a worker shares: secrets' slab, randomness, what waits, the circuits' timer.
///
/// `@unchecked Sendable`: touched on `eventLoop` only, but for the constants.
final class LoopContext: @unchecked Sendable {
    let eventLoop: any EventLoop
    /// Keys, limits and settings of handshakes on this loop.
    let environment: SessionEnvironment
    /// For padding, cell tails and the like.
    var random: FastRandom

    /// What waits in sessions of this loop.
    let backlog = LoopBacklog()

    private var parties: [ObjectIdentifier: any CircuitParty] = [:]
    private var timer: RepeatedTask?
    private var countedTraffic = TrafficCount()
    private var countedPuzzles = PuzzleCount()
    /// Loops of the worker, over which connections are spread evenly.
    private let loopCount: Int

    /// How often circuits' deadlines are looked at; none is finer than seconds.
    static let tick = TimeAmount.seconds(1)

    init(
        eventLoop: any EventLoop, environment: SessionEnvironment, random: consuming FastRandom, loopCount: Int
    ) {
        self.loopCount = loopCount
        self.eventLoop = eventLoop
        self.environment = environment
        self.random = random
    }

    /// The certificate was renewed: sessions that begin from now on show it.
    func use(_ credentials: WorkerCredentials) {
        eventLoop.execute { self.environment.credentials = credentials }
    }

    /// Node settings changed. They are read on the loop: of two changes at the same moment the earlier one would else be
    /// able to come last, and stay.
    func use(settingsOf table: PeerTable) {
        eventLoop.execute { self.apply(table.settings) }
    }

    /// Takes over what handshakes and sessions need. Handshakes that begin from now on follow it, and open sessions with
    /// what they next send or hear, their keys from the next epoch on.
    func apply(_ settings: NodeSettingValues) {
        environment.settings.follow(settings)
        environment.suites = SuitePreferences(settings)
        let threshold = settings[NodeSettings.handshakePuzzleThreshold]
        environment.puzzleLoad.threshold = (threshold + loopCount - 1) / loopCount
        backlog.bytesMax = max(settings[NodeSettings.sessionsWaiting] / loopCount, LoopBacklog.bytesMaxLeast)
        environment.puzzleLoad.windowTime = settings[NodeSettings.handshakeTimeout]
    }

    /// What sessions of this loop sealed since this was last asked.
    func takeTraffic() -> TrafficCount {
        defer { countedTraffic = environment.traffic }
        return environment.traffic - countedTraffic
    }

    /// What became of puzzles on this loop since this was last asked.
    func takePuzzles() -> PuzzleCount {
        defer { countedPuzzles = environment.puzzles }
        return environment.puzzles - countedPuzzles
    }

    /// How hard a puzzle openings are answered with now.
    func puzzleEffort() -> UInt8 {
        environment.puzzleLoad.advance(to: SystemClock.now())
        return environment.puzzleLoad.effort
    }

    /// How many circuits have their machine on this loop.
    var partyCount: Int { parties.count }

    func enter(_ party: any CircuitParty) {
        parties[ObjectIdentifier(party)] = party
        guard timer == nil else { return }
        timer = eventLoop.scheduleRepeatedTask(initialDelay: LoopContext.tick, delay: LoopContext.tick) {
            [weak self] _ in
            self?.lookAtDeadlines()
        }
    }

    func leave(_ party: any CircuitParty) {
        parties[ObjectIdentifier(party)] = nil
        if parties.isEmpty {
            timer?.cancel()
            timer = nil
        }
    }

    private func lookAtDeadlines() {
        let now = SystemClock.now()
        for party in Array(parties.values) { party.deadlinePassed(at: now) }
    }

    /// What is shown of the circuits on this loop.
    var circuitDescriptions: [CircuitDescription] { parties.values.compactMap(\.description) }
}

extension SuitePreferences {
    /// As the node's settings have them.
    fileprivate init(_ settings: NodeSettingValues) {
        let names = settings.suiteNames
        self = SuitePreferences(kems: names.kems, ciphers: names.ciphers, hashes: names.hashes) ?? .everything
    }
}
