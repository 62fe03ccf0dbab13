import Foundation
import GateModel
package import GateStore

extension LinkStore: SettingsStore, AccessStore, RightsStore {
    package func settings() async throws(StoreFailure) -> [SettingRow] {
        try await ask(.settingsList, as: WireSettings.self).settings.map(\.row)
    }

    /// The author is the caller's link name, whatever is said here.
    package func set(_ key: String, to value: String?, by author: String, expecting version: Int64?)
        async throws(StoreFailure) -> SettingRow
    {
        var body = WireSetSetting()
        body.key = key
        if let value { body.value = value }
        if let version { body.expecting = version }
        guard let row = try await ask(.settingsSet, body, as: WireSettings.self).settings.first else {
            throw .unavailable
        }
        return row.row
    }

    package func history(of key: String) async throws(StoreFailure) -> [SettingRow] {
        try await ask(.settingsHistory, named(key), as: WireSettings.self).settings.map(\.row)
    }

    package func addressRules() async throws(StoreFailure) -> [AddressRule] {
        let rules = try await ask(.accessList, as: WireAddressRules.self).rules
        return try converted(rules) { rule throws(StoreFailure) in try rule.rule() }
    }

    package func setAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await tell(.accessSet, WireAddressRule(rule))
    }

    package func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await tell(.accessRemove, WireAddressRule(rule))
    }

    package func rights(of name: String) async throws(StoreFailure) -> RightsRow? {
        try await find(.rightsGet, named(name), as: WireManyRights.self)?.rights.first?.row()
    }

    package func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow] {
        var body = WirePage()
        if let after { body.after = Data(after.utf8) }
        body.limit = UInt32(clamping: limit)
        let rights = try await ask(.rightsList, body, as: WireManyRights.self).rights
        return try converted(rights) { row throws(StoreFailure) in try row.row() }
    }

    package func setRights(_ rights: RightsRow) async throws(StoreFailure) {
        try await tell(.rightsSet, WireRights(rights))
    }

    package func removeRights(of name: String) async throws(StoreFailure) {
        try await tell(.rightsRemove, named(name))
    }

    func named(_ name: String) -> WireName {
        var body = WireName()
        body.name = name
        return body
    }
}
