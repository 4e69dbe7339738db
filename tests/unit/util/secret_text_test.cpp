#include "util/secret_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>

namespace campush {
namespace {

template <class T, class = void>
struct can_stream : std::false_type {};
template <class T>
struct can_stream<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>>
    : std::true_type {};

TEST(secret_text, has_no_way_out_but_reveal) {
  EXPECT_TRUE(can_stream<std::string>::value);
  EXPECT_FALSE(can_stream<secret_text>::value);
  EXPECT_FALSE((fmt::is_formattable<secret_text>::value));
  EXPECT_FALSE((std::is_convertible<secret_text, std::string>::value));
  EXPECT_EQ(secret_text("key").reveal(), "key");
}

/// A secret_text in storage that can still be looked at when the object is gone. Short texts stay in the string's own bytes.
class inspected_secret {
 public:
  explicit inspected_secret(const char* text) : m_secret(new (m_storage) secret_text(text)) {}
  secret_text& secret() { return *m_secret; }
  void destroy() { m_secret->~secret_text(); }
  /// Read through volatile: the compiler must not assume anything about the bytes of an object that is gone.
  bool contains(const char* text) const {
    std::string bytes;
    for (const volatile unsigned char& byte : m_storage) bytes.push_back(static_cast<char>(byte));
    return bytes.find(text) != std::string::npos;
  }

 private:
  alignas(secret_text) unsigned char m_storage[sizeof(secret_text)] = {};
  secret_text* m_secret;
};

TEST(secret_text, overwrites_its_storage_when_it_is_destroyed) {
  inspected_secret key("live_key");
  ASSERT_TRUE(key.contains("live_key"));
  key.destroy();
  EXPECT_FALSE(key.contains("ive_key"));
}

TEST(secret_text, leaves_nothing_behind_when_it_is_moved) {
  inspected_secret first("live_key");
  const secret_text second(std::move(first.secret()));
  EXPECT_TRUE(first.secret().empty());
  EXPECT_FALSE(first.contains("ive_key"));
  EXPECT_EQ(second.reveal(), "live_key");
  first.destroy();
}

TEST(secret_text, leaves_nothing_behind_when_it_is_assigned) {
  inspected_secret key("live_key");
  key.secret() = secret_text("x");
  EXPECT_EQ(key.secret(), secret_text("x"));
  EXPECT_NE(key.secret(), secret_text("y"));
  EXPECT_FALSE(key.contains("ve_key"));
  key.destroy();
}

}  // namespace
}  // namespace campush
