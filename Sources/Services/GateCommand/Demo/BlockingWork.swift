import NIOPosix

/// Threads for work that waits: child processes and sockets that block.
package enum BlockingWork {
    private static let threadCount = 16
    private static let threads = {
        let pool = NIOThreadPool(numberOfThreads: threadCount)
        pool.start()
        return pool
    }()

    /// Does `body` on a thread that may wait.
    package static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await threads.runIfActive(body)
    }
}
