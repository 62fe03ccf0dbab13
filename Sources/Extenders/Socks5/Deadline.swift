/// Nothing came in time.
struct DeadlineExceeded: Error {}

/// Runs `work`, cancels it when the time is over, and throws ``DeadlineExceeded`` then.
///
/// - Parameter late: gets what `work` returned although its time was over or the caller was cancelled: the place to
///   close it.
func within<Value: Sendable>(
    _ time: Duration, late: @Sendable (Value) -> Void = { _ in }, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: time)
            return nil
        }
        let first = await group.nextResult()
        group.cancelAll()
        if case .success(let value?) = first { return value }
        while let result = await group.nextResult() {
            if case .success(let value?) = result { late(value) }
        }
        if case .failure(let failure) = first { throw failure }
        throw DeadlineExceeded()
    }
}
