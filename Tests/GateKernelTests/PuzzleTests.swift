import GateAccess
import GateCrypto
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateTransport
import GateWire
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

/// A worker whose answers are given up, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct PuzzlesUnderLoad {
    /// An opening, and nothing after what answers it.
    private func abandon(_ node: KernelNode) async throws {
        let endpoint = try node.endpoint
        let stranger = try TestNode(9, wall: SystemClock.wall())
        let seed = SystemEntropy.bytes(32)
        stranger.environment.random = FastRandom(seed: seed)
        var connection = PeerConnection(
            dialling: node.uuid, presence: .mutual(stranger.credentials), environment: stranger.environment)
        var (output, events) = (ByteBuffer(), [PeerEvent]())
        connection.start(at: SystemClock.now(), wall: SystemClock.wall(), into: &output, events: &events)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let opening = output
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(opening)
            for try await part in inbound where part.readableBytes > 0 { break }
        }
    }

    /// Of each loop, what became of puzzles there, and how hard they are.
    private func figures(of node: KernelNode) async throws -> [(count: PuzzleCount, effort: UInt8)] {
        var figures: [(PuzzleCount, UInt8)] = []
        for context in node.kernel.contexts {
            figures.append(
                try await context.eventLoop.submit { (context.environment.puzzles, context.puzzleEffort()) }.get())
        }
        return figures
    }

    /// How many of that there were on all loops.
    private func sum(_ kind: KeyPath<PuzzleCount, UInt64>, of node: KernelNode) async throws -> UInt64 {
        try await figures(of: node).reduce(0) { $0 + $1.count[keyPath: kind] }
    }

    /// The most that a loop asks for, and the least.
    private func efforts(of node: KernelNode) async throws -> [UInt8] {
        let efforts = try await figures(of: node).map(\.effort)
        return [efforts.max() ?? 0, efforts.min() ?? 0]
    }

    /// Gives openings up until every loop asks for puzzles.
    private func load(_ node: KernelNode) async throws {
        while try await efforts(of: node)[1] == 0 { try await abandon(node) }
    }

    private func withPair(_ body: @Sendable (KernelNode, KernelNode) async throws -> Void) async throws {
        try await withKernels(2) { nodes in
            try await nodes[0].know(nodes[1])
            try await nodes[1].know(nodes[0])
            try await nodes[1].set(NodeSettings.handshakeTimeout.definition, "2s")
            try await nodes[1].set(NodeSettings.handshakePuzzleThreshold, 4)
            try await body(nodes[0], nodes[1])
        }
    }

    @Test func `openings that are given up bring puzzles, an honest node solves one, and time ends them`() async throws
    {
        try await withPair { near, far in
            try await load(far)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            let accepted = try await sum(\.accepted, of: far)
            let solved = try await sum(\.solved, of: near)
            #expect(accepted == 1 && solved == 1)

            while try await efforts(of: far)[0] > 0 { try await Task.sleep(for: .milliseconds(20)) }
            let asked = try await sum(\.asked, of: far)
            _ = await near.connect(to: far.uuid, anonymous: true)
            let askedLater = try await sum(\.asked, of: far)
            #expect(askedLater == asked)
        }
    }

    @Test func `the threshold is followed while the worker runs`() async throws {
        try await withPair { near, far in
            try await load(far)
            try await far.set(NodeSettings.handshakePuzzleThreshold, 0)
            let efforts = try await efforts(of: far)
            #expect(efforts == [0, 0])
            _ = try await near.connect(to: far.uuid).get()
            let solved = try await sum(\.solved, of: near)
            #expect(solved == 0)
        }
    }

    @Test(arguments: [false, true]) func `sessions over which something is said bring none, however many`(
        anonymous: Bool
    ) async throws {
        try await withPair { near, far in
            try await far.set(NodeSettings.accessAnonymous.definition, "true")
            for number in 0..<16 {
                let id = try await near.connect(to: far.uuid, anonymous: anonymous, isolation: "\(number)").get()
                let session = try #require(near.kernel.kernel.sessions.first { $0.id == id })
                try await session.eventLoop.submit {
                    session.enqueue(.extenders([]))
                    session.flush()
                }.get()
                while try await answerCount(of: far) > 0 { try await Task.sleep(for: .milliseconds(2)) }
                if !anonymous {
                    session.eventLoop.execute { session.close(.done) }
                    try await near.holds(0)
                    try await far.holds(0)
                }
            }
            let asked = try await sum(\.asked, of: far)
            #expect(asked == 0)
        }
    }

    /// Answers that count as given up so far.
    private func answerCount(of node: KernelNode) async throws -> Int {
        var count = 0
        for context in node.kernel.contexts {
            count += try await context.eventLoop.submit { context.environment.puzzleLoad.answerCount }.get()
        }
        return count
    }
}

@Suite struct WordsAboutPuzzles {
    private let start = MonotonicInstant(nanoseconds: 0)

    @Test func `are said at the begin, and once nobody was asked for a minute`() {
        var watch = PuzzleWatch()
        var said: [PuzzleWatch.Change?] = []
        for (seconds, effort) in [(0, 0), (1, 10), (2, 12), (3, 0), (50, 10), (51, 0), (109, 0), (110, 0), (111, 0)] {
            said.append(watch.seen(effort: UInt8(effort), at: start + .seconds(seconds)))
        }
        #expect(said == [nil, .begun, nil, nil, nil, nil, nil, .ended, nil])
    }
}
