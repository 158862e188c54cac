; ModuleID = "softmax"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"softmax"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  %".35" = alloca <8 x float>
  %".61" = alloca <8 x float>
  br label %"body"
body:
  %".7" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".8" = load ptr, ptr %".7"
  %".9" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".10" = load ptr, ptr %".9"
  %".11" = mul nsw i64 %".2", 4
  %".12" = udiv i64 %".11", %".3"
  %".13" = add nsw i64 %".2", 1
  %".14" = mul nsw i64 %".13", 4
  %".15" = udiv i64 %".14", %".3"
  %".16" = icmp slt i64 %".12", %".15"
  br i1 %".16", label %"loop", label %"done"
loop:
  %".18" = phi  i64 [%".12", %"body"], [%".113", %"done.1"]
  %".19" = udiv i64 %".18", 4
  %".20" = urem i64 %".18", 4
  br label %"loop.1"
done:
  ret void
loop.1:
  %".22" = phi  i64 [0, %"loop"], [%".110", %"loop.1"]
  %".23" = mul nsw i64 %".19", 128
  %".24" = mul nsw i64 %".20", 32
  %".25" = add nsw i64 %".23", %".24"
  %".26" = mul nsw i64 %".22", 8
  %".27" = add nsw i64 %".25", %".26"
  %".28" = getelementptr inbounds float, ptr %".8", i64 %".27"
  %".29" = mul nsw i64 %".19", 128
  %".30" = mul nsw i64 %".20", 32
  %".31" = add nsw i64 %".29", %".30"
  %".32" = mul nsw i64 %".22", 8
  %".33" = add nsw i64 %".31", %".32"
  %".34" = getelementptr inbounds float, ptr %".10", i64 %".33"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".35"
  %".37" = getelementptr inbounds float, ptr %".28", i64 0
  %".38" = load <8 x float>, ptr %".37", align 4
  %".39" = load <8 x float>, <8 x float>* %".35"
  %".40" = fcmp uno <8 x float> %".39", %".39"
  %".41" = fcmp ogt <8 x float> %".39", %".38"
  %".42" = select  <8 x i1> %".41", <8 x float> %".39", <8 x float> %".38"
  %".43" = select  <8 x i1> %".40", <8 x float> %".39", <8 x float> %".42"
  store <8 x float> %".43", <8 x float>* %".35"
  %".45" = load <8 x float>, <8 x float>* %".35"
  %".46" = shufflevector <8 x float> %".45", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 0, i32 1, i32 2, i32 3>
  %".47" = fcmp uno <8 x float> %".45", %".45"
  %".48" = fcmp ogt <8 x float> %".45", %".46"
  %".49" = select  <8 x i1> %".48", <8 x float> %".45", <8 x float> %".46"
  %".50" = select  <8 x i1> %".47", <8 x float> %".45", <8 x float> %".49"
  %".51" = shufflevector <8 x float> %".50", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 2, i32 3, i32 0, i32 1, i32 6, i32 7, i32 4, i32 5>
  %".52" = fcmp uno <8 x float> %".50", %".50"
  %".53" = fcmp ogt <8 x float> %".50", %".51"
  %".54" = select  <8 x i1> %".53", <8 x float> %".50", <8 x float> %".51"
  %".55" = select  <8 x i1> %".52", <8 x float> %".50", <8 x float> %".54"
  %".56" = shufflevector <8 x float> %".55", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 1, i32 0, i32 3, i32 2, i32 5, i32 4, i32 7, i32 6>
  %".57" = fcmp uno <8 x float> %".55", %".55"
  %".58" = fcmp ogt <8 x float> %".55", %".56"
  %".59" = select  <8 x i1> %".58", <8 x float> %".55", <8 x float> %".56"
  %".60" = select  <8 x i1> %".57", <8 x float> %".55", <8 x float> %".59"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float>* %".61"
  %".63" = getelementptr inbounds float, ptr %".28", i64 0
  %".64" = load <8 x float>, ptr %".63", align 4
  %".65" = fsub contract <8 x float> %".64", %".60"
  %".66" = fcmp ogt <8 x float> <float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000>, %".65"
  %".67" = select  <8 x i1> %".66", <8 x float> <float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000>, <8 x float> %".65"
  %".68" = fcmp olt <8 x float> <float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000>, %".67"
  %".69" = select  <8 x i1> %".68", <8 x float> <float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000>, <8 x float> %".67"
  %".70" = fmul contract <8 x float> %".69", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".71" = call <8 x float> @"llvm.rint.v8f32"(<8 x float> %".70")
  %".72" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".71", <8 x float> <float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000>, <8 x float> %".69")
  %".73" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".71", <8 x float> <float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000>, <8 x float> %".72")
  %".74" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> <float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000>, <8 x float> %".73", <8 x float> <float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000>)
  %".75" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".74", <8 x float> %".73", <8 x float> <float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000>)
  %".76" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".75", <8 x float> %".73", <8 x float> <float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000>)
  %".77" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".76", <8 x float> %".73", <8 x float> <float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000>)
  %".78" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".77", <8 x float> %".73", <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>)
  %".79" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".78", <8 x float> %".73", <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>)
  %".80" = fmul contract <8 x float> %".71", <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>
  %".81" = call <8 x float> @"llvm.rint.v8f32"(<8 x float> %".80")
  %".82" = fadd contract <8 x float> %".81", <float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000>
  %".83" = bitcast <8 x float> %".82" to <8 x i32>
  %".84" = shl <8 x i32> %".83", <i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23>
  %".85" = bitcast <8 x i32> %".84" to <8 x float>
  %".86" = fmul contract <8 x float> %".79", %".85"
  %".87" = fsub contract <8 x float> %".71", %".81"
  %".88" = fadd contract <8 x float> %".87", <float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000>
  %".89" = bitcast <8 x float> %".88" to <8 x i32>
  %".90" = shl <8 x i32> %".89", <i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23>
  %".91" = bitcast <8 x i32> %".90" to <8 x float>
  %".92" = fmul contract <8 x float> %".86", %".91"
  %".93" = load <8 x float>, <8 x float>* %".61"
  %".94" = fadd contract <8 x float> %".93", %".92"
  store <8 x float> %".94", <8 x float>* %".61"
  %".96" = getelementptr inbounds float, ptr %".34", i64 0
  store <8 x float> %".92", ptr %".96", align 4
  %".98" = load <8 x float>, <8 x float>* %".61"
  %".99" = shufflevector <8 x float> %".98", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 0, i32 1, i32 2, i32 3>
  %".100" = fadd contract <8 x float> %".98", %".99"
  %".101" = shufflevector <8 x float> %".100", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 2, i32 3, i32 0, i32 1, i32 6, i32 7, i32 4, i32 5>
  %".102" = fadd contract <8 x float> %".100", %".101"
  %".103" = shufflevector <8 x float> %".102", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 1, i32 0, i32 3, i32 2, i32 5, i32 4, i32 7, i32 6>
  %".104" = fadd contract <8 x float> %".102", %".103"
  %".105" = fdiv contract <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>, %".104"
  %".106" = getelementptr inbounds float, ptr %".34", i64 0
  %".107" = load <8 x float>, ptr %".106", align 4
  %".108" = fmul contract <8 x float> %".107", %".105"
  store <8 x float> %".108", ptr %".106", align 4
  %".110" = add nsw i64 %".22", 1
  %".111" = icmp slt i64 %".110", 4
  br i1 %".111", label %"loop.1", label %"done.1"
done.1:
  %".113" = add nsw i64 %".18", 1
  %".114" = icmp slt i64 %".113", %".15"
  br i1 %".114", label %"loop", label %"done"
}

declare <8 x float> @"llvm.rint.v8f32"(<8 x float> %".1")

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")
