package import GateStore

/// Why a statement, a connection or a target is none.
package enum PostgresFailure: Error, Equatable, Sendable {
    /// The URL or what it names breaks a rule; the sentence says which and what to write.
    case target(String)
    /// No server took the connection. The sentence is libpq's: addresses, names, reasons; no password.
    case unreachable(String)
    /// The connection is gone; what was sent may have happened or not.
    case lost
    /// The call's time is over; what was sent may still happen.
    case late
    /// The server refused, by its five-character code (SQLSTATE). Its message is left out: it may quote values.
    case refused(code: String)
    /// What is in the database: no schema, a newer one, or none that can be read.
    case store(StoreFailure)
}

extension PostgresFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .target(let sentence): sentence
        case .unreachable(let reason): "PostgreSQL can't be reached: \(reason)"
        case .lost: "the connection to PostgreSQL is lost"
        case .late: "PostgreSQL did not answer in time"
        case .refused(let code): "PostgreSQL refuses with SQLSTATE \(code)"
        case .store(let failure): "\(failure)"
        }
    }
}

extension PostgresFailure {
    /// Whether the same transaction may succeed when it is run again: it lost against another one, or the server was
    /// no longer the one that writes. Nothing of it happened.
    var isRetriable: Bool {
        switch self {
        case .lost: true
        case .refused(let code):
            // Serialisation, deadlock, unique key (somebody inserted the same row meanwhile), read-only server,
            // shutting down, starting up.
            ["40001", "40P01", "23505", "25006", "57P01", "57P02", "57P03"].contains(code)
        case .target, .unreachable, .late, .store: false
        }
    }

    /// Whether the connection it came from is of no more use.
    var endsConnection: Bool {
        switch self {
        case .lost, .late, .unreachable, .target: true
        case .store: false
        case .refused(let code): code.hasPrefix("57P") || code.hasPrefix("08") || code == "25006" || code == "25P03"
        }
    }

    /// What callers of the store see.
    var storeFailure: StoreFailure {
        if case .store(let failure) = self { return failure }
        guard case .refused(let code) = self, code != "42501" else { return .unavailable }
        switch code.prefix(2) {
        // Connection, transaction, authorisation, catalogue, rollback, resources, operator, system: may pass.
        case "08", "25", "28", "3D", "40", "53", "55", "57", "58": return .unavailable
        case "22": return .invalid("PostgreSQL can't store a value (SQLSTATE \(code)); texts hold no zero byte")
        case "23": return .conflict
        default: return .damaged("PostgreSQL reports SQLSTATE \(code)")
        }
    }
}

/// What callers see of an error; a store's own failures pass unchanged.
func storeFailure(of error: any Error) -> StoreFailure {
    switch error {
    case let failure as StoreFailure: failure
    case let failure as PostgresFailure: failure.storeFailure
    default: .unavailable
    }
}
