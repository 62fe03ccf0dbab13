import GateCrypto
import GateModel
import GateSession
import GateWire
import NIOCore

/// How many cells a hop handshake takes: fixed per KEM, so that nothing about a hop shows in it but whether its identity
/// has an ML-DSA key. The flights have no padding of their own: the cells are the padding.
///
/// | KEM | `create` | `created` | `created` with ML-DSA |
/// | --- | --- | --- | --- |
/// | ML-KEM-768 | 1 | 1 | 7 |
/// | ML-KEM-1024 | 1 | 2 | 8 |
enum HopHandshake {
    static func createCount(_ kem: NoiseKEM?) -> Int {
        switch kem {
        case .mlkem768, .mlkem1024, nil: 1
        }
    }

    static func createdCount(_ kem: NoiseKEM?, isPostQuantum: Bool) -> Int {
        switch kem {
        case .mlkem768, nil: isPostQuantum ? 7 : 1
        case .mlkem1024: isPostQuantum ? 8 : 2
        }
    }

    /// What a relay sends back, and the layer that it shares with the origin from then on.
    struct Answer {
        var flight: ByteBuffer
        var layer: HopLayer
        var cellCount: Int
    }

    /// The relay's side: one flight in, one flight out. `nil` where the flight doesn't open, is stale or was seen
    /// before, names another context, or memory is short: the circuit is refused without a reason.
    static func answer(
        _ flight: ByteBuffer, depth: Int, environment: SessionEnvironment, wall: UnixTime
    ) -> Answer? {
        withoutPadding(environment) {
            var handshake = Handshake(accepting: [.hop], environment: environment)
            var input = flight
            var output = ByteBuffer()
            let step = handshake.received(
                &input, wall: wall, admit: { $0.peer == .anonymous && $0.context == .hop }, into: &output)
            guard step == .complete, input.readableBytes == 0, let secrets = try? handshake.finish(),
                let layer = try? HopLayer(
                    root: secrets.root, cipher: secrets.suite.cipher, depth: depth, in: environment.slab)
            else { return nil }
            let count = createdCount(
                secrets.suite.kem, isPostQuantum: environment.credentials.postQuantumKey != nil)
            guard output.readableBytes <= count * CellPayload.handshakeByteCount else { return nil }
            return Answer(flight: output, layer: layer, cellCount: count)
        }
    }

    /// Lets `body` make flights without random padding.
    static func withoutPadding<Result>(_ environment: SessionEnvironment, _ body: () -> Result) -> Result {
        let padding = environment.settings.flightPadding
        environment.settings.flightPadding = 0...0
        defer { environment.settings.flightPadding = padding }
        return body()
    }
}

/// The origin's side of a hop handshake: anonymous, context *hop*, with the first of our suites that the relay's record
/// has. There is no second try over a circuit.
struct HopDialling: ~Copyable {
    /// Cells that the first flight, with the depth before it, is spread over.
    let createCellCount: Int

    private var handshake: Handshake
    private let environment: SessionEnvironment

    /// `nil` where the record has none of our suites.
    init?(record: NodeRecord, environment: SessionEnvironment) {
        guard let suite = environment.suites.first(of: record) else { return nil }
        createCellCount = HopHandshake.createCount(suite.kem)
        self.environment = environment
        handshake = Handshake(
            dialling: record.node, context: .hop, presence: .anonymous, environment: environment, suite: suite)
    }

    /// The first flight.
    mutating func start(wall: UnixTime) -> ByteBuffer? {
        var output = ByteBuffer()
        let padding = environment.settings.flightPadding
        environment.settings.flightPadding = 0...0
        defer { environment.settings.flightPadding = padding }
        return handshake.start(wall: wall, into: &output) == .needsMore ? output : nil
    }

    /// The layer, where the answer proves the node that was named.
    consuming func received(_ flight: ByteBuffer, depth: Int, wall: UnixTime) -> HopLayer? {
        var input = flight
        var output = ByteBuffer()
        let step = handshake.received(&input, wall: wall, admit: { $0.peer.node != nil }, into: &output)
        guard step == .complete, input.readableBytes == 0, output.readableBytes == 0,
            let secrets = try? handshake.finish()
        else { return nil }
        return try? HopLayer(root: secrets.root, cipher: secrets.suite.cipher, depth: depth, in: environment.slab)
    }
}
