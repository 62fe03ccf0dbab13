package import GateCrypto
package import NIOCore
import NIOPosix
import Synchronization

/// Solves client puzzles on threads of its own: trying keeps a processor busy, which no event loop may be.
///
/// One for the whole process, so that nodes that ask for much get no more of it than ``threadCount`` threads, made when
/// the first puzzle comes. Puzzles take turns of ``batch`` tries, so that an easy one waits for a turn of each hard one and
/// no longer. What can't be solved in its handshake's time is abandoned by whoever waits for it.
package final class PuzzleSolver: Sendable {
    /// For every connection of this process.
    package static let shared = PuzzleSolver()

    /// Puzzles that are solved at once.
    package static let threadCount = 2
    /// Puzzles that are being solved or wait for it at most; further ones stay unsolved.
    package static let worksMax = 1024
    /// Numbers that are tried in a turn, some milliseconds; then it is looked whether anybody still waits.
    static let batch: UInt64 = 4096

    private let threads: NIOThreadPool
    private let works = Mutex(0)
    private let worksMax: Int

    /// For tests, which shut it down; everybody else shares one.
    package init(worksMax: Int = PuzzleSolver.worksMax) {
        self.worksMax = worksMax
        threads = NIOThreadPool(numberOfThreads: PuzzleSolver.threadCount)
        threads.start()
    }

    /// Puzzles that are being solved or wait for it.
    package var workCount: Int { works.withLock(\.self) }

    /// The solution, on that loop; `nil` once the work was abandoned, and where too many wait.
    package func solve(_ work: PuzzleWork, on eventLoop: any EventLoop) -> EventLoopFuture<UInt64?> {
        let promise = eventLoop.makePromise(of: UInt64?.self)
        let mayWork = works.withLock { count in
            guard count < worksMax else { return false }
            count += 1
            return true
        }
        guard mayWork else {
            promise.succeed(nil)
            return promise.futureResult
        }
        takeTurn(work, from: 0, promise)
        return promise.futureResult
    }

    /// Tries the next numbers when those that wait have had their turns.
    private func takeTurn(_ work: PuzzleWork, from first: UInt64, _ promise: EventLoopPromise<UInt64?>) {
        threads.submit { state in
            let next = first + PuzzleSolver.batch
            let isWanted = state == .active && !work.isAbandoned
            let solution = isWanted ? work.puzzle.solution(in: first...next - 1) : nil
            if isWanted, solution == nil { return self.takeTurn(work, from: next, promise) }
            self.works.withLock { $0 -= 1 }
            promise.succeed(solution)
        }
    }

    package func shutDown() async { try? await threads.shutdownGracefully() }
}

/// One puzzle that a connection waits for.
package final class PuzzleWork: Sendable {
    fileprivate let puzzle: Puzzle
    private let hasNobody = Atomic(false)

    package init(_ puzzle: Puzzle) { self.puzzle = puzzle }

    /// Nobody waits for the solution any more.
    package func abandon() { hasNobody.store(true, ordering: .relaxed) }

    fileprivate var isAbandoned: Bool { hasNobody.load(ordering: .relaxed) }
}
