/// Nothing came in time.
struct DeadlineExceeded: Error {}

/// Runs `work`, cancels it when the time is over, and throws ``DeadlineExceeded`` then.
func within<Value: Sendable>(
    _ time: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: time)
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() ?? nil else { throw DeadlineExceeded() }
        return value
    }
}
