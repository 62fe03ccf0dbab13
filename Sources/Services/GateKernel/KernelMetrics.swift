import CoreMetrics
import GateSession

/// What a worker counts. Names are in the Operating article; an increment is one atomic operation.
struct KernelMetrics: Sendable {
    /// The worker's name, as its link certificate says.
    let worker: String

    let sessionsEstablished = KernelCounter("gate.sessions.established")
    let sessionsResumed = KernelCounter("gate.sessions.resumed")
    let keyUpdates = KernelCounter("gate.sessions.key_updates")
    /// Ended since too much waited for all peers.
    let sessionsCrowdedOut = KernelCounter("gate.sessions.crowded_out")
    let sessionsRefused = KernelCounter("gate.sessions.refused")
    let handshakesFailed = KernelCounter("gate.handshakes.failed")
    let puzzlesAsked = KernelCounter("gate.handshakes.puzzles", [("result", "asked")])
    let puzzlesAccepted = KernelCounter("gate.handshakes.puzzles", [("result", "accepted")])
    let puzzlesWrong = KernelCounter("gate.handshakes.puzzles", [("result", "wrong")])
    let puzzlesSolved = KernelCounter("gate.handshakes.puzzles", [("result", "solved")])
    let puzzlesTooHard = KernelCounter("gate.handshakes.puzzles", [("result", "too_hard")])
    let connectionsAccepted = KernelCounter("gate.connections.accepted")
    /// Connections that got no handshake, by why.
    let connectionsRefused = Dictionary(
        uniqueKeysWithValues: PeerGate.Refusal.allCases.map {
            ($0, KernelCounter("gate.connections.refused", [("reason", $0.label)]))
        })
    let reputationCharges = KernelCounter("gate.reputation.charges")
    let streamsOpened = KernelCounter("gate.streams.opened")
    let streamBytesIn = KernelCounter("gate.stream.bytes.received")
    let streamBytesOut = KernelCounter("gate.stream.bytes.sent")
    let circuitsCarried = KernelCounter("gate.circuits.carried")
    let circuitsBuilt = KernelCounter("gate.circuits.built")
    let circuitsFailed = KernelCounter("gate.circuits.failed")
    let relayedBytes = KernelCounter("gate.relay.bytes.forwarded")
    let realBytes = KernelCounter("gate.session.bytes.sealed", [("kind", "real")])
    let paddingBytes = KernelCounter("gate.session.bytes.sealed", [("kind", "padding")])
    let noiseBytes = KernelCounter("gate.session.bytes.sealed", [("kind", "noise")])
    let sessions = KernelGauge("gate.sessions")
    let waitingBytes = KernelGauge("gate.sessions.waiting.bytes")
    let suspended = KernelGauge("gate.sessions.suspended")
    let handshakes = KernelGauge("gate.handshakes")
    let puzzleEffort = KernelGauge("gate.handshakes.puzzle_effort")
    let circuits = KernelGauge("gate.circuits")
    let extenders = KernelGauge("gate.extenders")
    let unlockedBytes = KernelGauge("gate.secret.unlocked.bytes")

    /// Adds what sessions sealed.
    func count(_ traffic: TrafficCount) {
        realBytes.add(Int(clamping: traffic.real))
        paddingBytes.add(Int(clamping: traffic.padding))
        noiseBytes.add(Int(clamping: traffic.noise))
    }

    /// Adds what became of puzzles.
    func count(_ puzzles: PuzzleCount) {
        puzzlesAsked.add(Int(clamping: puzzles.asked))
        puzzlesAccepted.add(Int(clamping: puzzles.accepted))
        puzzlesWrong.add(Int(clamping: puzzles.wrong))
        puzzlesSolved.add(Int(clamping: puzzles.solved))
        puzzlesTooHard.add(Int(clamping: puzzles.tooHard))
    }
}

/// A counter that is added to from any loop.
struct KernelCounter: Sendable {
    private let counter: Counter

    init(_ label: String, _ dimensions: [(String, String)] = []) {
        counter = Counter(label: label, dimensions: dimensions)
    }

    func add(_ count: Int = 1) { counter.increment(by: Int64(count)) }
}

/// A value that is set about once a second.
struct KernelGauge: Sendable {
    private let gauge: Gauge

    init(_ label: String) { gauge = Gauge(label: label) }

    func record(_ value: Int) { gauge.record(value) }
}
