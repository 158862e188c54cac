; ModuleID = "softmax"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"softmax"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  %".34" = alloca <8 x float>
  %".60" = alloca <8 x float>
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = mul nsw i64 %".2", 4
  %".11" = udiv i64 %".10", %".3"
  %".12" = add nsw i64 %".2", 1
  %".13" = mul nsw i64 %".12", 4
  %".14" = udiv i64 %".13", %".3"
  %".15" = icmp slt i64 %".11", %".14"
  br i1 %".15", label %"loop", label %"done"
loop:
  %".17" = phi  i64 [%".11", %"body"], [%".112", %"done.1"]
  %".18" = udiv i64 %".17", 4
  %".19" = urem i64 %".17", 4
  br label %"loop.1"
done:
  ret void
loop.1:
  %".21" = phi  i64 [0, %"loop"], [%".109", %"loop.1"]
  %".22" = mul nsw i64 %".18", 128
  %".23" = mul nsw i64 %".19", 32
  %".24" = add nsw i64 %".22", %".23"
  %".25" = mul nsw i64 %".21", 8
  %".26" = add nsw i64 %".24", %".25"
  %".27" = getelementptr inbounds float, ptr %".7", i64 %".26"
  %".28" = mul nsw i64 %".18", 128
  %".29" = mul nsw i64 %".19", 32
  %".30" = add nsw i64 %".28", %".29"
  %".31" = mul nsw i64 %".21", 8
  %".32" = add nsw i64 %".30", %".31"
  %".33" = getelementptr inbounds float, ptr %".9", i64 %".32"
  store <8 x float> <float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000, float 0xfff0000000000000>, <8 x float>* %".34"
  %".36" = getelementptr inbounds float, ptr %".27", i64 0
  %".37" = load <8 x float>, ptr %".36", align 4
  %".38" = load <8 x float>, <8 x float>* %".34"
  %".39" = fcmp uno <8 x float> %".38", %".38"
  %".40" = fcmp ogt <8 x float> %".38", %".37"
  %".41" = select  <8 x i1> %".40", <8 x float> %".38", <8 x float> %".37"
  %".42" = select  <8 x i1> %".39", <8 x float> %".38", <8 x float> %".41"
  store <8 x float> %".42", <8 x float>* %".34"
  %".44" = load <8 x float>, <8 x float>* %".34"
  %".45" = shufflevector <8 x float> %".44", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 0, i32 1, i32 2, i32 3>
  %".46" = fcmp uno <8 x float> %".44", %".44"
  %".47" = fcmp ogt <8 x float> %".44", %".45"
  %".48" = select  <8 x i1> %".47", <8 x float> %".44", <8 x float> %".45"
  %".49" = select  <8 x i1> %".46", <8 x float> %".44", <8 x float> %".48"
  %".50" = shufflevector <8 x float> %".49", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 2, i32 3, i32 0, i32 1, i32 6, i32 7, i32 4, i32 5>
  %".51" = fcmp uno <8 x float> %".49", %".49"
  %".52" = fcmp ogt <8 x float> %".49", %".50"
  %".53" = select  <8 x i1> %".52", <8 x float> %".49", <8 x float> %".50"
  %".54" = select  <8 x i1> %".51", <8 x float> %".49", <8 x float> %".53"
  %".55" = shufflevector <8 x float> %".54", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 1, i32 0, i32 3, i32 2, i32 5, i32 4, i32 7, i32 6>
  %".56" = fcmp uno <8 x float> %".54", %".54"
  %".57" = fcmp ogt <8 x float> %".54", %".55"
  %".58" = select  <8 x i1> %".57", <8 x float> %".54", <8 x float> %".55"
  %".59" = select  <8 x i1> %".56", <8 x float> %".54", <8 x float> %".58"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, <8 x float>* %".60"
  %".62" = getelementptr inbounds float, ptr %".27", i64 0
  %".63" = load <8 x float>, ptr %".62", align 4
  %".64" = fsub contract <8 x float> %".63", %".59"
  %".65" = fcmp ogt <8 x float> <float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000>, %".64"
  %".66" = select  <8 x i1> %".65", <8 x float> <float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000, float 0xc05a000000000000>, <8 x float> %".64"
  %".67" = fcmp olt <8 x float> <float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000>, %".66"
  %".68" = select  <8 x i1> %".67", <8 x float> <float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000, float 0x4056400000000000>, <8 x float> %".66"
  %".69" = fmul contract <8 x float> %".68", <float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000, float 0x3ff7154760000000>
  %".70" = call <8 x float> @"llvm.rint.v8f32"(<8 x float> %".69")
  %".71" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".70", <8 x float> <float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000, float 0xbfe6300000000000>, <8 x float> %".68")
  %".72" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".70", <8 x float> <float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000, float 0x3f2bd01060000000>, <8 x float> %".71")
  %".73" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> <float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000, float 0x3f56a23d00000000>, <8 x float> %".72", <8 x float> <float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000, float 0x3f8123a200000000>)
  %".74" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".73", <8 x float> %".72", <8 x float> <float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000, float 0x3fa5558f20000000>)
  %".75" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".74", <8 x float> %".72", <8 x float> <float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000, float 0x3fc5554920000000>)
  %".76" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".75", <8 x float> %".72", <8 x float> <float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000, float 0x3fdfffffc0000000>)
  %".77" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".76", <8 x float> %".72", <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>)
  %".78" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".77", <8 x float> %".72", <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>)
  %".79" = fmul contract <8 x float> %".70", <float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000, float 0x3fe0000000000000>
  %".80" = call <8 x float> @"llvm.rint.v8f32"(<8 x float> %".79")
  %".81" = fadd contract <8 x float> %".80", <float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000>
  %".82" = bitcast <8 x float> %".81" to <8 x i32>
  %".83" = shl <8 x i32> %".82", <i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23>
  %".84" = bitcast <8 x i32> %".83" to <8 x float>
  %".85" = fmul contract <8 x float> %".78", %".84"
  %".86" = fsub contract <8 x float> %".70", %".80"
  %".87" = fadd contract <8 x float> %".86", <float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000, float 0x4168000fe0000000>
  %".88" = bitcast <8 x float> %".87" to <8 x i32>
  %".89" = shl <8 x i32> %".88", <i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23, i32 23>
  %".90" = bitcast <8 x i32> %".89" to <8 x float>
  %".91" = fmul contract <8 x float> %".85", %".90"
  %".92" = load <8 x float>, <8 x float>* %".60"
  %".93" = fadd contract <8 x float> %".92", %".91"
  store <8 x float> %".93", <8 x float>* %".60"
  %".95" = getelementptr inbounds float, ptr %".33", i64 0
  store <8 x float> %".91", ptr %".95", align 4
  %".97" = load <8 x float>, <8 x float>* %".60"
  %".98" = shufflevector <8 x float> %".97", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 4, i32 5, i32 6, i32 7, i32 0, i32 1, i32 2, i32 3>
  %".99" = fadd contract <8 x float> %".97", %".98"
  %".100" = shufflevector <8 x float> %".99", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 2, i32 3, i32 0, i32 1, i32 6, i32 7, i32 4, i32 5>
  %".101" = fadd contract <8 x float> %".99", %".100"
  %".102" = shufflevector <8 x float> %".101", <8 x float> <float undef, float undef, float undef, float undef, float undef, float undef, float undef, float undef>, <8 x i32> <i32 1, i32 0, i32 3, i32 2, i32 5, i32 4, i32 7, i32 6>
  %".103" = fadd contract <8 x float> %".101", %".102"
  %".104" = fdiv contract <8 x float> <float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000, float 0x3ff0000000000000>, %".103"
  %".105" = getelementptr inbounds float, ptr %".33", i64 0
  %".106" = load <8 x float>, ptr %".105", align 4
  %".107" = fmul contract <8 x float> %".106", %".104"
  store <8 x float> %".107", ptr %".105", align 4
  %".109" = add nsw i64 %".21", 1
  %".110" = icmp slt i64 %".109", 4
  br i1 %".110", label %"loop.1", label %"done.1"
done.1:
  %".112" = add nsw i64 %".17", 1
  %".113" = icmp slt i64 %".112", %".14"
  br i1 %".113", label %"loop", label %"done"
}

declare <8 x float> @"llvm.rint.v8f32"(<8 x float> %".1")

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")
