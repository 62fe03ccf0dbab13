import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import NIOPosix
import Testing

@testable import GateTransport

private func puzzle(_ effort: UInt8) -> Puzzle {
    Puzzle(effort: effort, challenge: [UInt8](0..<32), of: NodeUUID(UUIDBytes(high: 1, low: 1)))
}

@Suite(.timeLimit(.minutes(1))) struct PuzzleSolverTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private func withSolver(
        worksMax: Int = PuzzleSolver.worksMax, _ body: (PuzzleSolver) async throws -> Void
    ) async throws {
        let solver = PuzzleSolver(worksMax: worksMax)
        let outcome: Result<Void, any Error>
        do {
            try await body(solver)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await solver.shutDown()
        try outcome.get()
    }

    @Test(arguments: [1, 10, 16] as [UInt8]) func `solves off the loop, and tells on it`(_ effort: UInt8) async throws {
        try await withSolver { solver in
            let puzzle = puzzle(effort)
            let loop = loop
            let found = try await solver.solve(PuzzleWork(puzzle), on: loop).map { (loop.inEventLoop, $0) }.get()
            let solution = try #require(found.1)
            #expect(found.0 && puzzle.isSolved(by: solution))
        }
    }

    @Test func `ends what was abandoned, and goes on to what waits`() async throws {
        try await withSolver { solver in
            // Nobody finds a hash of zeros.
            let endless = (0..<PuzzleSolver.threadCount + 3).map { _ in PuzzleWork(puzzle(.max)) }
            let ends = endless.map { solver.solve($0, on: loop) }
            let last = solver.solve(PuzzleWork(puzzle(1)), on: loop)
            #expect(solver.workCount == endless.count + 1)
            for work in endless { work.abandon() }
            var solutions: [UInt64?] = []
            for end in ends { solutions.append(try await end.get()) }
            let solution = try await last.get()
            #expect(solutions.allSatisfy { $0 == nil } && solution == 1)
            #expect(solver.workCount == 0)
        }
    }

    @Test func `an easy puzzle waits for a turn of each hard one, and no longer`() async throws {
        try await withSolver { solver in
            let endless = (0..<24).map { _ in PuzzleWork(puzzle(.max)) }
            for work in endless { _ = solver.solve(work, on: loop) }
            let solution = try await solver.solve(PuzzleWork(puzzle(14)), on: loop).get()
            #expect(solution != nil && solver.workCount == endless.count)
            for work in endless { work.abandon() }
        }
    }

    @Test func `takes no more than a bounded number`() async throws {
        try await withSolver(worksMax: 1) { solver in
            let work = PuzzleWork(puzzle(.max))
            let first = solver.solve(work, on: loop)
            let second = solver.solve(PuzzleWork(puzzle(1)), on: loop)
            let refused = try await second.get()
            work.abandon()
            let abandoned = try await first.get()
            #expect(refused == nil && abandoned == nil)
        }
    }
}

/// Two nodes on one loop, the second of them under load, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct PuzzlesOverSockets {
    /// Both nodes' surroundings; on their loop.
    private final class Nodes {
        let ada: TestNode
        let ben: TestNode

        init(doublings: Int) throws {
            ada = try TestNode(1, wall: SystemClock.wall())
            ben = try TestNode(2, wall: SystemClock.wall())
            ben.load(doublings: doublings, at: SystemClock.now())
        }
    }

    /// Tells what becomes of one side.
    private final class Watch: PeerChannelDelegate {
        let established: EventLoopPromise<SessionID>
        let ended: EventLoopPromise<SessionFailure>

        init(_ loop: any EventLoop) {
            established = loop.makePromise()
            ended = loop.makePromise()
        }

        func admit(_ claim: PeerClaim) -> Bool { true }
        func takes(_ extender: ExtenderID) -> Bool { true }
        func received(_ event: PeerEvent, on channel: PeerChannelHandler) {
            if case .established(let session) = event { established.succeed(session.session) }
        }
        func batchEnded(on channel: PeerChannelHandler) { channel.flush() }
        func closed(_ failure: SessionFailure) {
            established.fail(failure)
            ended.succeed(failure)
        }
    }

    private struct Dial: Sendable {
        let nodes: NIOLoopBound<Nodes>
        let channel: any Channel
        let listener: any Channel
        let dialler: EventLoopFuture<SessionID>
        let acceptor: EventLoopFuture<SessionID>
        let diallerEnd: EventLoopFuture<SessionFailure>
    }

    /// Dials with that solver; both sides say what becomes of it.
    private func dial(
        _ group: MultiThreadedEventLoopGroup, doublings: Int, solver: PuzzleSolver
    ) async throws -> Dial {
        let loop = group.next()
        let nodes = try await loop.submit { NIOLoopBound(try Nodes(doublings: doublings), eventLoop: loop) }.get()
        let watches = try await loop.submit {
            NIOLoopBound([Watch(loop), Watch(loop)], eventLoop: loop)
        }.get()
        let listener = try await PeerBootstrap.listen(on: Endpoint(host: "127.0.0.1", port: 0), group: group) {
            channel in
            let connection = PeerConnection(accepting: [.peer], environment: nodes.value.ben.environment)
            try channel.pipeline.syncOperations.addHandler(
                PeerChannelHandler(connection: connection, delegate: watches.value[1]))
        }
        let address = try #require(listener.localAddress)
        let channel = try await PeerBootstrap.dial(address, on: loop, timeout: .seconds(5)) { channel in
            let (ada, ben) = (nodes.value.ada, nodes.value.ben)
            let connection = PeerConnection(
                dialling: ben.node, presence: .mutual(ada.credentials), environment: ada.environment)
            try channel.pipeline.syncOperations.addHandler(
                PeerChannelHandler(connection: connection, delegate: watches.value[0], solver: solver))
        }.get()
        return try await loop.submit {
            let (dialler, acceptor) = (watches.value[0], watches.value[1])
            return Dial(
                nodes: nodes, channel: channel, listener: listener, dialler: dialler.established.futureResult,
                acceptor: acceptor.established.futureResult, diallerEnd: dialler.ended.futureResult)
        }.get()
    }

    private func withGroup(
        _ body: (MultiThreadedEventLoopGroup, PuzzleSolver) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let solver = PuzzleSolver()
        let outcome: Result<Void, any Error>
        do {
            try await body(group, solver)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await solver.shutDown()
        try await group.shutdownGracefully()
        try outcome.get()
    }

    @Test func `a dialler solves on its own, and the session stands on both sides`() async throws {
        try await withGroup { group, solver in
            let dial = try await dial(group, doublings: 2, solver: solver)
            let sessions = (try await dial.dialler.get(), try await dial.acceptor.get())
            #expect(sessions.0 == sessions.1)
            let counts = try await dial.channel.eventLoop.submit {
                (dial.nodes.value.ada.environment.puzzles.solved, dial.nodes.value.ben.environment.puzzles.accepted)
            }.get()
            #expect(counts == (1, 1))
            try await dial.channel.close()
            try await dial.listener.close()
        }
    }

    @Test func `a connection that ends while its puzzle is solved takes the work with it`() async throws {
        try await withGroup { group, solver in
            // Both threads are busy, so that the connection's puzzle waits.
            let others = (0..<PuzzleSolver.threadCount).map { _ in PuzzleWork(puzzle(.max)) }
            let loop = group.next()
            let ends = others.map { solver.solve($0, on: loop) }
            let dial = try await dial(group, doublings: 10, solver: solver)
            while solver.workCount == others.count { try await Task.sleep(for: .milliseconds(2)) }
            dial.channel.close(promise: nil)
            _ = try await dial.diallerEnd.get()
            for other in others { other.abandon() }
            for end in ends { _ = try await end.get() }
            while solver.workCount > 0 { try await Task.sleep(for: .milliseconds(2)) }

            let solved = try await dial.channel.eventLoop.submit { dial.nodes.value.ada.environment.puzzles.solved }
                .get()
            #expect(solved == 0)
            try await dial.listener.close()
        }
    }
}
