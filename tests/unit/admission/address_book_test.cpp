#include "admission/address_book.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

constexpr AddressBook::Address kAddress = 0x0a000001;
const AddressBook::Instant kStart{1h};

void note(AddressBook& book, AddressBook::Address address, int unfinished, int finished,
          AddressBook::Instant now = kStart) {
  for (int i = 0; i < unfinished; ++i) book.unfinished(address, now);
  for (int i = 0; i < finished; ++i) book.finished(address, now);
}

struct SuspectCase {
  const char* name;
  int unfinished, finished;
  bool suspect;
};
class Suspect : public testing::TestWithParam<SuspectCase> {};

// More than 20, and more than it finished.
TEST_P(Suspect, LeavesMoreThanItFinishesAndMoreThanAPersonWould) {
  AddressBook book;
  note(book, kAddress, GetParam().unfinished, GetParam().finished);
  EXPECT_EQ(book.suspect(kAddress, kStart), GetParam().suspect);
}
INSTANTIATE_TEST_SUITE_P(Admission, Suspect,
                         testing::Values(SuspectCase{"Unknown", 0, 0, false},
                                         SuspectCase{"APerson", 20, 0, false},
                                         SuspectCase{"AProgram", 21, 0, true},
                                         SuspectCase{"AProgramThatFinishesSome", 40, 39, true},
                                         SuspectCase{"HalfAndHalf", 40, 40, false},
                                         SuspectCase{"ManyBehindOneAddress", 500, 5000, false}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Book, PaysForItselfAlone) {
  AddressBook book;
  note(book, kAddress, 100, 0);
  EXPECT_TRUE(book.suspect(kAddress, kStart));
  EXPECT_FALSE(book.suspect(kAddress + 1, kStart));
  EXPECT_EQ(book.size(), 1U) << "asking is not remembered";
}

TEST(Book, FadesToAThirdInMemory) {
  AddressBook book;
  note(book, kAddress, 60, 0);
  EXPECT_TRUE(book.suspect(kAddress, kStart + 10s));   // 60 / e = 22
  EXPECT_FALSE(book.suspect(kAddress, kStart + 12s));  // 60 / e^1.2 = 18
}

TEST(Book, FadesBothAlike) {
  AddressBook book;
  note(book, kAddress, 0, 1000);
  note(book, kAddress, 100, 0, kStart + 30s);  // of the 1000, 50 are left
  EXPECT_TRUE(book.suspect(kAddress, kStart + 30s));
  note(book, kAddress, 0, 60, kStart + 30s);
  EXPECT_FALSE(book.suspect(kAddress, kStart + 30s));
}

TEST(Book, ForgetsWhoHasFadedWhenItIsFull) {
  AddressBook book{{.addresses = 100}};
  for (AddressBook::Address a = 0; a < 90; ++a) note(book, a, 1, 0);
  const auto later = kStart + 24s;  // e^-2.4 is less than a tenth
  for (AddressBook::Address a = 90; a < 100; ++a) note(book, a, 50, 0, later);
  EXPECT_EQ(book.size(), 100U);
  note(book, 100, 1, 0, later);
  EXPECT_EQ(book.size(), 11U);
  EXPECT_TRUE(book.suspect(95, later));
}

TEST(Book, IsClearedByAFloodOfAddresses) {
  AddressBook book{{.addresses = 100}};
  for (AddressBook::Address a = 0; a < 101; ++a) note(book, a, 50, 0);
  EXPECT_EQ(book.size(), 1U);
}

TEST(Book, MakesRoomForManyAtOnceSinceItLooksAtAll) {
  AddressBook book{{.addresses = 100}};
  note(book, 0, 1, 0);  // will have faded
  const auto later = kStart + 24s;
  for (AddressBook::Address a = 1; a < 101; ++a) note(book, a, 50, 0, later);
  EXPECT_LE(book.size(), 75U) << "the next newcomer would have it look at all again";
}

TEST(BookProperty, IsBounded) {
  AddressBook book{{.addresses = 100}};
  std::mt19937_64 random{1};
  auto now = kStart;
  for (int i = 0; i < 100'000; ++i, now += 1ms) {
    random() % 2 == 0 ? book.finished(random() % 1000, now) : book.unfinished(random(), now);
    ASSERT_LE(book.size(), 100U);
  }
}

}  // namespace
}  // namespace sluice::admission
