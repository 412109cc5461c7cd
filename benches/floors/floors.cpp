// Floors to measure against: the least that a part of the job takes in good C++. One thread, every buffer reused.
//
//   floors inflate FILE.gz...   libdeflate alone
//   floors trail FILE.gz...     libdeflate, then simdjson On-Demand: (identity, source, action, error) -> count, first, last
//   floors audit FILE.jsonl     simdjson iterate_many over chunks: (user, verb, resource, code) -> count, first, last
//
// Prints records, groups and bytes, so that the runs of all tools can be held against each other.
// Build: g++ -O3 -march=native -std=c++17 -o floors floors.cpp -ldeflate -lsimdjson

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libdeflate.h>
#include <simdjson.h>

namespace od = simdjson::ondemand;

[[noreturn]] static void fail(const char *what, const char *path) {
    std::fprintf(stderr, "%s: %s\n", what, path);
    std::exit(1);
}

// Groups by a key of several columns: open addressing, keys in one arena, no allocation for a known key.
class Groups {
    struct Group {
        uint64_t hash = 0, count = 0;
        size_t key = 0, length = 0;
        char first[32], last[32];
    };
    std::vector<Group> table = std::vector<Group>(1 << 14);
    std::string keys;
    size_t used = 0;

    static uint64_t hash_of(std::string_view key) {
        uint64_t hash = 0x9E3779B97F4A7C15u ^ key.size();
        auto mix = [&](uint64_t word) {
            __uint128_t wide = static_cast<__uint128_t>(hash ^ word) * 0xD6E8FEB86659FD93u;
            hash = static_cast<uint64_t>(wide) ^ static_cast<uint64_t>(wide >> 64);
        };
        const char *at = key.data();
        size_t left = key.size();
        for (; left >= 8; at += 8, left -= 8) { uint64_t word; std::memcpy(&word, at, 8); mix(word); }
        uint64_t word = 0;
        std::memcpy(&word, at, left);
        mix(word);
        return hash | 1;
    }

    void grow() {
        std::vector<Group> old(table.size() * 2);
        old.swap(table);
        for (const Group &group : old)
            if (group.hash) {
                size_t place = group.hash & (table.size() - 1);
                while (table[place].hash) place = (place + 1) & (table.size() - 1);
                table[place] = group;
            }
    }

    static void copy(char *to, std::string_view time) {
        size_t length = time.size() < 31 ? time.size() : 31;
        std::memcpy(to, time.data(), length);
        to[length] = 0;
    }

public:
    void add(std::string_view key, std::string_view time) {
        uint64_t hash = hash_of(key);
        size_t place = hash & (table.size() - 1);
        for (;; place = (place + 1) & (table.size() - 1)) {
            Group &group = table[place];
            if (group.hash == hash && group.length == key.size() && !std::memcmp(keys.data() + group.key, key.data(), key.size())) {
                group.count++;
                if (time < group.first) copy(group.first, time);
                if (time > group.last) copy(group.last, time);
                return;
            }
            if (!group.hash) {
                group.hash = hash, group.count = 1, group.key = keys.size(), group.length = key.size();
                keys.append(key);
                copy(group.first, time), copy(group.last, time);
                if (++used * 2 > table.size()) grow();
                return;
            }
        }
    }
    size_t size() const { return used; }
};

// A file's bytes into a buffer that only grows; gives the length.
static size_t read_whole(const char *path, std::vector<char> &into) {
    int file = open(path, O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0) fail("cannot read", path);
    size_t length = static_cast<size_t>(about.st_size), have = 0;
    if (into.size() < length) into.resize(length);
    while (have < length) {
        ssize_t got = read(file, into.data() + have, length - have);
        if (got <= 0) fail("cannot read", path);
        have += static_cast<size_t>(got);
    }
    close(file);
    return length;
}

// Inflates every member of a file into `out`, which only grows; gives the length. Room for simdjson's padding is left behind it.
static size_t inflate(libdeflate_decompressor *inflater, const char *packed, size_t packed_length, std::vector<char> &out, const char *path) {
    size_t in = 0, length = 0;
    while (in < packed_length) {
        size_t used = 0, made = 0;
        auto result = libdeflate_gzip_decompress_ex(inflater, packed + in, packed_length - in, out.data() + length,
                                                    out.size() - length - simdjson::SIMDJSON_PADDING, &used, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE) { out.resize(out.size() * 2); continue; }
        if (result != LIBDEFLATE_SUCCESS) fail("damaged gzip", path);
        in += used;
        length += made;
    }
    return length;
}

static std::string_view text(simdjson::simdjson_result<od::value> value) {
    std::string_view view;
    return value.get_string().get(view) == simdjson::SUCCESS ? view : std::string_view();
}

// The role behind a session, or who it is: userIdentity.sessionContext.sessionIssuer.arn, else userIdentity.arn.
static std::string_view identity_of(simdjson::simdjson_result<od::value> value) {
    od::object who, session, issuer;
    std::string_view arn, role;
    if (value.get_object().get(who)) return arn;
    for (auto field : who) {
        od::raw_json_string name = field.key();
        if (name.unsafe_is_equal("arn")) arn = text(field.value());
        else if (name.unsafe_is_equal("sessionContext")) {
            if (field.value().get_object().get(session)) continue;
            if (session["sessionIssuer"].get_object().get(issuer)) continue;
            role = text(issuer["arn"]);
        }
    }
    return role.empty() ? arn : role;
}

static uint64_t trail(od::parser &parser, const char *bytes, size_t length, size_t capacity, std::string &key, Groups &groups) {
    uint64_t records = 0;
    auto document = parser.iterate(bytes, length, capacity);
    for (auto record : document["Records"].get_array()) {
        std::string_view identity, source, action, error, time;
        for (auto field : record.get_object()) {
            od::raw_json_string name = field.key();
            if (name.unsafe_is_equal("userIdentity")) identity = identity_of(field.value());
            else if (name.unsafe_is_equal("eventTime")) time = text(field.value());
            else if (name.unsafe_is_equal("eventSource")) source = text(field.value());
            else if (name.unsafe_is_equal("eventName")) action = text(field.value());
            else if (name.unsafe_is_equal("errorCode")) error = text(field.value());
        }
        key.assign(identity).append(1, '\0').append(source).append(1, '\0').append(action).append(1, '\0').append(error);
        groups.add(key, time);
        records++;
    }
    return records;
}

static uint64_t audit_chunk(od::parser &parser, const char *bytes, size_t length, size_t capacity, std::string &key, Groups &groups) {
    od::document_stream stream;
    if (parser.iterate_many(bytes, length, std::min<size_t>(capacity, 1 << 20)).get(stream)) std::exit(1);
    uint64_t records = 0;
    for (auto event : stream) {
        std::string_view user, verb, resource, time;
        int64_t code = 0;
        od::object object, inner;
        if (event.get_object().get(object)) continue;
        for (auto field : object) {
            od::raw_json_string name = field.key();
            if (name.unsafe_is_equal("verb")) verb = text(field.value());
            else if (name.unsafe_is_equal("user")) { if (!field.value().get_object().get(inner)) user = text(inner["username"]); }
            else if (name.unsafe_is_equal("objectRef")) { if (!field.value().get_object().get(inner)) resource = text(inner["resource"]); }
            else if (name.unsafe_is_equal("responseStatus")) {
                if (!field.value().get_object().get(inner) && inner["code"].get_int64().get(code)) code = 0;
            } else if (name.unsafe_is_equal("requestReceivedTimestamp")) time = text(field.value());
        }
        key.assign(user).append(1, '\0').append(verb).append(1, '\0').append(resource).append(1, '\0');
        key.append(reinterpret_cast<const char *>(&code), sizeof code);
        groups.add(key, time);
        records++;
    }
    return records;
}

// Reads chunks into one buffer, cuts each behind its last line, and carries the rest over.
static uint64_t audit(const char *path, Groups &groups, uint64_t &bytes) {
    constexpr size_t CHUNK = 4 << 20;
    std::vector<char> buffer(CHUNK + simdjson::SIMDJSON_PADDING);
    od::parser parser;
#ifdef SIMDJSON_THREADS_ENABLED
    parser.threaded = false;
#endif
    int file = open(path, O_RDONLY);
    if (file < 0) fail("cannot read", path);
    std::string key;
    uint64_t records = 0;
    size_t have = 0;
    for (;;) {
        ssize_t got = read(file, buffer.data() + have, CHUNK - have);
        if (got < 0) fail("cannot read", path);
        have += static_cast<size_t>(got), bytes += static_cast<uint64_t>(got);
        size_t end = have;
        if (got > 0) {
            const void *line = memrchr(buffer.data(), '\n', have);
            if (!line && have == CHUNK) fail("a line is longer than a chunk", path);
            if (!line) continue;
            end = static_cast<size_t>(static_cast<const char *>(line) - buffer.data()) + 1;
        }
        if (end) records += audit_chunk(parser, buffer.data(), end, buffer.size(), key, groups);
        std::memmove(buffer.data(), buffer.data() + end, have - end);
        have -= end;
        if (got == 0) return records;
    }
}

int main(int count, char **arguments) {
    if (count < 3) { std::fprintf(stderr, "usage: floors inflate|trail|audit FILE...\n"); return 2; }
    Groups groups;
    uint64_t bytes = 0, records = 0;
    if (!std::strcmp(arguments[1], "audit")) {
        records = audit(arguments[2], groups, bytes);
    } else {
        bool parse = !std::strcmp(arguments[1], "trail");
        auto *inflater = libdeflate_alloc_decompressor();
        std::vector<char> packed, out(8 << 20);
        od::parser parser;
        std::string key;
        for (int place = 2; place < count; place++) {
            size_t packed_length = read_whole(arguments[place], packed);
            size_t length = inflate(inflater, packed.data(), packed_length, out, arguments[place]);
            bytes += length;
            if (parse) records += trail(parser, out.data(), length, out.size(), key, groups);
        }
        libdeflate_free_decompressor(inflater);
    }
    std::printf("%llu records, %zu groups, %llu bytes\n", static_cast<unsigned long long>(records), groups.size(),
                static_cast<unsigned long long>(bytes));
}
