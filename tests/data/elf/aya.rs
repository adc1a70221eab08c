//! An object as aya programs are: maps are 28 bytes in section "maps" (with id and pinning), each function has a section
//! of its own, global variables are volatile statics, and there is no BTF.
//!
//! There is no core library for this target without building it, so the few language items needed are here.

#![feature(no_core, lang_items, intrinsics, rustc_attrs, auto_traits)]
#![allow(internal_features, dead_code)]
#![no_core]
#![crate_type = "lib"]

#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "destruct"]
pub trait Destruct: PointeeSized {}
#[lang = "legacy_receiver"]
pub trait LegacyReceiver {}
impl<T: PointeeSized> LegacyReceiver for &T {}
#[lang = "freeze"]
unsafe auto trait Freeze {}
#[lang = "drop_in_place"]
unsafe fn drop_in_place<T: PointeeSized>(_: *mut T) {}

#[lang = "copy"]
pub trait Copy {}
impl Copy for u8 {}
impl Copy for u32 {}
impl Copy for u64 {}
impl Copy for bool {}
impl<T: PointeeSized> Copy for *const T {}
impl<T: PointeeSized> Copy for *mut T {}
impl<T: Copy, const N: usize> Copy for [T; N] {}
#[lang = "sync"]
pub trait Sync {}
impl Sync for u64 {}
impl<const N: usize> Sync for [u8; N] {}

#[lang = "add"]
pub trait Add<R = Self> {
    type Output;
    fn add(self, right: R) -> Self::Output;
}
impl Add for u64 {
    type Output = u64;
    fn add(self, right: u64) -> u64 {
        self + right
    }
}
#[lang = "eq"]
pub trait PartialEq<R: PointeeSized = Self> {
    fn eq(&self, right: &R) -> bool;
    fn ne(&self, right: &R) -> bool;
}
impl PartialEq for u64 {
    fn eq(&self, right: &u64) -> bool {
        *self == *right
    }
    fn ne(&self, right: &u64) -> bool {
        *self != *right
    }
}
#[lang = "partial_ord"]
pub trait PartialOrd<R: PointeeSized = Self> {
    fn lt(&self, right: &R) -> bool;
    fn le(&self, right: &R) -> bool;
    fn gt(&self, right: &R) -> bool;
    fn ge(&self, right: &R) -> bool;
}
impl PartialOrd for u64 {
    fn lt(&self, right: &u64) -> bool {
        *self < *right
    }
    fn le(&self, right: &u64) -> bool {
        *self <= *right
    }
    fn gt(&self, right: &u64) -> bool {
        *self > *right
    }
    fn ge(&self, right: &u64) -> bool {
        *self >= *right
    }
}

#[rustc_intrinsic]
pub const unsafe fn transmute<A, B>(value: A) -> B;
#[rustc_intrinsic]
pub unsafe fn volatile_load<T>(from: *const T) -> T;

#[repr(C)]
pub struct XdpMd {
    data: u32,
    data_end: u32,
}

#[repr(C)]
pub struct MapDef {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    id: u32,
    pinning: u32,
}

const fn map(kind: u32, max_entries: u32) -> MapDef {
    MapDef { kind, key_size: 4, value_size: 8, max_entries, map_flags: 0, id: 0, pinning: 0 }
}

#[unsafe(link_section = "maps")]
#[unsafe(no_mangle)]
pub static mut SOURCES: MapDef = map(1, 1024);
#[unsafe(link_section = "maps")]
#[unsafe(no_mangle)]
pub static mut TOTALS: MapDef = map(6, 4);
#[unsafe(no_mangle)]
pub static LIMIT: u64 = 3;
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
pub static LICENSE: [u8; 4] = *b"GPL\0";

unsafe fn lookup(map: *mut MapDef, key: &u32) -> *mut u64 {
    let helper: extern "C" fn(*mut MapDef, *const u32) -> *mut u64 = transmute(1u64);
    helper(map, key)
}

unsafe fn update(map: *mut MapDef, key: &u32, value: &u64) -> u64 {
    let helper: extern "C" fn(*mut MapDef, *const u32, *const u64, u64) -> u64 = transmute(2u64);
    helper(map, key, value, 0)
}

/// A function that is not inlined and whose symbol is global, as memcpy and memset are in such objects.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn count(key: u32) -> u64 {
    let value = lookup(&raw mut TOTALS, &key);
    if value as u64 != 0u64 {
        *value = *value + 1;
        return *value;
    }
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "xdp")]
pub unsafe extern "C" fn sources(context: *mut XdpMd) -> u32 {
    let data = (*context).data as u64;
    if data + 34 > (*context).data_end as u64 {
        return 1; // XDP_DROP
    }
    let source = *((data + 26) as *const u32);
    count(1);
    let seen = lookup(&raw mut SOURCES, &source);
    if seen as u64 != 0u64 {
        *seen = *seen + 1;
        return if *seen > volatile_load(&LIMIT) { 1 } else { 2 };
    }
    update(&raw mut SOURCES, &source, &1);
    count(2);
    2 // XDP_PASS
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "xdp/second")]
pub unsafe extern "C" fn second(_context: *mut XdpMd) -> u32 {
    count(3);
    2
}
