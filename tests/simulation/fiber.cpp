#include "tests/simulation/fiber.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <cxxabi.h>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <ucontext.h>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define WAYBILL_ASAN_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WAYBILL_ASAN_FIBERS 1
#endif
#endif
#ifdef WAYBILL_ASAN_FIBERS
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#define WAYBILL_TSAN_FIBERS 1
#include <sanitizer/tsan_interface.h>
#endif

namespace waybill::simulation {

namespace {

#if defined(WAYBILL_ASAN_FIBERS) || defined(WAYBILL_TSAN_FIBERS)
constexpr std::size_t stack_size = 512u << 10;
#else
constexpr std::size_t stack_size = 128u << 10;
#endif

// The exceptions that are being handled belong to a thread; here to a fiber (Itanium C++ ABI, 2.2.2).
struct HandledExceptions {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

void swap_handled(HandledExceptions& kept) {
    HandledExceptions present;
    void* const of_thread = abi::__cxa_get_globals();
    std::memcpy(&present, of_thread, sizeof present);
    std::memcpy(of_thread, &kept, sizeof kept);
    kept = present;
}

}  // namespace

class Fiber::State {
public:
    State() : stack_(std::make_unique_for_overwrite<char[]>(stack_size)) {
        if (getcontext(&own_) != 0) throw std::system_error(errno, std::generic_category(), "getcontext");
        own_.uc_stack.ss_sp = stack_.get();
        own_.uc_stack.ss_size = stack_size;
        own_.uc_link = nullptr;
        const auto address = reinterpret_cast<std::uintptr_t>(this);
        makecontext(&own_, reinterpret_cast<void (*)()>(&State::enter), 2, static_cast<unsigned>(address >> 32),
                    static_cast<unsigned>(address));
#ifdef WAYBILL_TSAN_FIBERS
        tsan_own_ = __tsan_create_fiber(0);
#endif
    }
    ~State() {
#ifdef WAYBILL_TSAN_FIBERS
        __tsan_destroy_fiber(tsan_own_);
#endif
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void start(Body body) {
        body_ = std::move(body);
        has_ended_ = false;
        go_on();
    }

    void go_on() {
        if (current != nullptr) throw std::logic_error("a fiber cannot run another");
        if (has_ended_) throw std::logic_error("a fiber that has ended cannot go on");
        current = this;
        swap_handled(handled_);
        switch_in();
        swap_handled(handled_);
        current = nullptr;
    }

    void stop() { switch_out(); }
    [[nodiscard]] bool has_ended() const { return has_ended_; }

    static thread_local State* current;

private:
    static void enter(unsigned high, unsigned low) {
        auto* const self = reinterpret_cast<State*>((std::uintptr_t{high} << 32) | low);
        self->arrive();
        for (;;) {
            self->body_();
            self->body_ = nullptr;
            self->has_ended_ = true;
            self->switch_out();
        }
    }

    void switch_in() {
#ifdef WAYBILL_TSAN_FIBERS
        tsan_caller_ = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(tsan_own_, 0);
#endif
#ifdef WAYBILL_ASAN_FIBERS
        void* fake_stack = nullptr;
        __sanitizer_start_switch_fiber(&fake_stack, stack_.get(), stack_size);
#endif
        swapcontext(&caller_, &own_);
#ifdef WAYBILL_ASAN_FIBERS
        __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
    }

    void switch_out() {
#ifdef WAYBILL_TSAN_FIBERS
        __tsan_switch_to_fiber(tsan_caller_, 0);
#endif
#ifdef WAYBILL_ASAN_FIBERS
        __sanitizer_start_switch_fiber(&own_fake_stack_, caller_stack_, caller_stack_size_);
#endif
        swapcontext(&own_, &caller_);
        arrive();
    }

    // On the fiber's stack, whenever it was reached.
    void arrive() {
#ifdef WAYBILL_ASAN_FIBERS
        __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_stack_, &caller_stack_size_);
#endif
    }

    std::unique_ptr<char[]> stack_;
    ucontext_t own_{};
    ucontext_t caller_{};
    HandledExceptions handled_;
    Body body_;
    bool has_ended_ = true;
#ifdef WAYBILL_ASAN_FIBERS
    void* own_fake_stack_ = nullptr;
    const void* caller_stack_ = nullptr;
    std::size_t caller_stack_size_ = 0;
#endif
#ifdef WAYBILL_TSAN_FIBERS
    void* tsan_own_ = nullptr;
    void* tsan_caller_ = nullptr;
#endif
};

thread_local Fiber::State* Fiber::State::current = nullptr;

Fiber::Fiber() : state_(std::make_unique<State>()) {}
Fiber::~Fiber() = default;
void Fiber::start(Body body) { state_->start(std::move(body)); }
void Fiber::resume() { state_->go_on(); }
bool Fiber::has_ended() const { return state_->has_ended(); }
void Fiber::yield() { State::current->stop(); }
bool Fiber::is_on_one() { return State::current != nullptr; }

}  // namespace waybill::simulation
