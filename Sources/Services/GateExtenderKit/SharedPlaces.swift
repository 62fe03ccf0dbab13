/// A bounded number of places that many users take, none more than its share: so one user can't keep the others out.
package struct SharedPlaces<User: Hashable & Sendable>: Sendable {
    /// Places that are taken now.
    package private(set) var takenCount = 0
    private var taken: [User: Int] = [:]
    private let total: Int
    private let share: Int

    /// - Parameters:
    ///   - total: The most places of all users.
    ///   - share: The most places of one user.
    package init(total: Int, share: Int) {
        self.total = total
        self.share = share
    }

    /// Takes one place; `false` where there is none for this user.
    package mutating func take(for user: User) -> Bool {
        let own = taken[user, default: 0]
        guard takenCount < total, own < share else { return false }
        taken[user] = own + 1
        takenCount += 1
        return true
    }

    /// Gives one place back.
    package mutating func leave(_ user: User) {
        guard let own = taken[user] else { return }
        taken[user] = own > 1 ? own - 1 : nil
        takenCount -= 1
    }
}
